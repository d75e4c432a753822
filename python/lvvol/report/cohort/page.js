'use strict';
(() => {
  const PAGE = 200;  // rows drawn at first
  const {bins, rows, total} = JSON.parse(document.getElementById('data').textContent);
  const [finished, timed] = JSON.parse(document.getElementById('finished').textContent);
  const at = id => document.getElementById(id);
  const studies = rows.map(([id, status, edv, esv, ef, reasons, error, message, report]) => ({
    id, status, edv, esv, ef, reasons, error, message, report,
    width: ef[1] === null ? -1 : ef[2] - ef[1],
    text: `${id} ${error} ${message}`.toLowerCase(),
  }));
  const chosen = {reason: '', error: '', bin: null};
  let sort = {key: 'width', up: false};
  let drawn = PAGE;

  const binOf = (study, h) => {
    const value = [study.edv, study.esv, study.ef][h][0];
    if (value === null) return -1;
    return Math.min(Math.max(Math.floor(value / bins[h].width), 0), bins[h].n - 1);
  };

  const wanted = () => {
    const statuses = new Set([...document.querySelectorAll('[data-status]')]
      .filter(box => box.checked).map(box => box.dataset.status));
    const text = at('find').value.trim().toLowerCase();
    const from = at('from').value === '' ? -Infinity : Number(at('from').value);
    const to = at('to').value === '' ? Infinity : Number(at('to').value);
    const anyEf = from === -Infinity && to === Infinity;
    return studies.filter(s => statuses.has(s.status)
      && (text === '' || s.text.includes(text))
      && (anyEf || (s.ef[0] !== null && s.ef[0] >= from && s.ef[0] <= to))
      && (chosen.reason === '' || s.reasons.includes(chosen.reason))
      && (chosen.error === '' || s.error === chosen.error)
      && (chosen.bin === null || binOf(s, chosen.bin[0]) === chosen.bin[1]));
  };

  const value = (study, key) => {
    const found = study[key];
    return Array.isArray(found) ? (found[0] === null ? -Infinity : found[0]) : found;
  };

  const sorted = list => [...list].sort((a, b) => {
    const x = value(a, sort.key), y = value(b, sort.key);
    const order = typeof x === 'string' ? x.localeCompare(y, 'en', {numeric: true}) : x - y;
    return (sort.up ? order : -order) || a.id.localeCompare(b.id, 'en', {numeric: true});
  });

  const cell = (row, text, name) => {
    const td = row.insertCell();
    td.textContent = text;
    if (name) td.className = name;
    return td;
  };

  const number = (row, [v, low, high]) => {
    const td = cell(row, v === null ? '' : v.toFixed(0), 'number');
    if (low === null) return;
    const ends = document.createElement('span');
    ends.textContent = `${low.toFixed(0)}–${high.toFixed(0)}`;
    td.append(ends);
  };

  const draw = () => {
    const list = wanted();
    const body = at('rows');
    body.replaceChildren();
    for (const study of sorted(list).slice(0, drawn)) {
      const row = body.insertRow();
      const first = cell(row, study.report ? '' : study.id);
      if (study.report) {
        const link = document.createElement('a');
        link.href = study.report.split('/').map(encodeURIComponent).join('/');
        link.textContent = study.id;
        first.append(link);
      }
      cell(row, study.status, `status ${study.status}`);
      number(row, study.edv);
      number(row, study.esv);
      number(row, study.ef);
      cell(row, study.width < 0 ? '' : study.width.toFixed(0), 'number');
      cell(row, study.error ? `${study.error}: ${study.message}` : study.reasons.join(', '), 'why');
    }
    at('shown').textContent = `${list.length} of ${studies.length} shown`;
    at('more').hidden = list.length <= drawn;
    drawBars(list);
    drawState();
  };

  const drawBars = list => {
    const counts = bins.map(b => Array.from({length: b.n}, () => ({ok: 0, review: 0})));
    for (const study of list) {
      bins.forEach((_, h) => {
        const bin = binOf(study, h);
        if (bin >= 0 && study.status in counts[h][bin]) counts[h][bin][study.status] += 1;
      });
    }
    const whole = list.length === studies.length;
    if (whole && studies.length < total) return;  // the page's own bars count all studies
    for (const group of document.querySelectorAll('.bin')) {
      const h = Number(group.dataset.histogram), {ok, review} = counts[h][group.dataset.bin];
      const high = n => 108 * n / bins[h].most;
      const set = (name, y, height) => {
        const rect = group.querySelector(name);
        rect.setAttribute('y', y.toFixed(2));
        rect.setAttribute('height', height.toFixed(2));
      };
      set('.ok', 118 - high(ok), high(ok));
      set('.review', 118 - high(ok + review), high(review));
    }
  };

  const drawState = () => {
    for (const button of document.querySelectorAll('[data-reason], [data-error]')) {
      const {reason, error} = button.dataset;
      const on = reason ? chosen.reason === reason : chosen.error === error;
      button.setAttribute('aria-pressed', on);
    }
    for (const group of document.querySelectorAll('.bin')) {
      const on = chosen.bin !== null && Number(group.dataset.histogram) === chosen.bin[0]
        && Number(group.dataset.bin) === chosen.bin[1];
      group.classList.toggle('on', on);
    }
    for (const th of document.querySelectorAll('th[data-sort]')) {
      if (th.dataset.sort === sort.key) {
        th.setAttribute('aria-sort', sort.up ? 'ascending' : 'descending');
      } else {
        th.removeAttribute('aria-sort');
      }
    }
  };

  const restart = () => { drawn = PAGE; draw(); };
  for (const input of document.querySelectorAll('input')) {
    input.disabled = false;
    input.addEventListener('input', restart);
  }
  at('reset').disabled = false;
  at('reset').addEventListener('click', () => {
    for (const id of ['find', 'from', 'to']) at(id).value = '';
    for (const box of document.querySelectorAll('[data-status]')) box.checked = true;
    Object.assign(chosen, {reason: '', error: '', bin: null});
    restart();
  });
  for (const button of document.querySelectorAll('[data-reason], [data-error]')) {
    button.addEventListener('click', () => {
      const kind = button.dataset.reason ? 'reason' : 'error';
      const name = button.dataset[kind];
      chosen[kind] = chosen[kind] === name ? '' : name;
      restart();
    });
  }
  for (const group of document.querySelectorAll('.bin')) {
    group.addEventListener('click', () => {
      const pair = [Number(group.dataset.histogram), Number(group.dataset.bin)];
      const same = chosen.bin !== null && chosen.bin[0] === pair[0] && chosen.bin[1] === pair[1];
      chosen.bin = same ? null : pair;
      restart();
    });
  }
  for (const th of document.querySelectorAll('th[data-sort]')) {
    const by = () => {
      const key = th.dataset.sort;
      sort = {key, up: sort.key === key ? !sort.up : key === 'id' || key === 'status'};
      draw();
    };
    th.tabIndex = 0;
    th.addEventListener('click', by);
    th.addEventListener('keydown', event => { if (event.key === 'Enter') by(); });
  }
  at('more').addEventListener('click', () => { drawn += 5 * PAGE; draw(); });

  const hours = finished.length ? (Date.parse(finished[1]) - Date.parse(finished[0])) / 3.6e6 : 0;
  if (timed > 1 && hours > 0 && at('throughput')) {
    at('throughput').textContent = `${Math.round((timed - 1) / hours)} an hour from the first to `
      + 'the last, pauses between runs counted in.';
  }
  draw();
})();
