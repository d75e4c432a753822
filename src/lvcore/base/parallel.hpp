#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>

#include "lvcore/base/range.hpp"

namespace lvcore {

/// Largest number of threads a caller may ask for.
inline constexpr std::size_t kMaxThreads = 1024;

/// Deals out the runs of one parallel loop, each to the first thread that asks.
class RunDealer {
  public:
    /// Runs of `grain` items, which is at least 1, the last perhaps shorter.
    RunDealer(std::size_t count, std::size_t grain);

    [[nodiscard]] std::size_t runs() const { return runs_; }

    /// The next run; empty when all are dealt or a thread has failed.
    [[nodiscard]] std::optional<Range> next();

    /// Deals no more runs.
    void stop() { next_ = runs_; }

  private:
    std::size_t count_;
    std::size_t grain_;
    std::size_t runs_;
    std::atomic<std::size_t> next_{0};
};

/// Calls `work` once on each of up to `threads` threads; see `parallel_for`.
void on_threads(std::size_t count, std::size_t grain, std::size_t threads,
                const std::function<void(RunDealer& dealer)>& work);

/// Calls `body(begin, end)` for consecutive runs of at most `grain` items that together cover
/// [0, count), on at most `threads` threads (0: one per hardware thread), including the caller's.
///
/// The runs do not depend on the number of threads, so a body that writes only its own items gives
/// the same result for any number. The first exception a body throws is rethrown here after all
/// threads have ended; runs not yet started are skipped.
///
/// Threads live for one call: nothing global outlives it, so a process may fork at any time.
/// Starting one costs about 20 microseconds, so `grain` items should take longer than that.
///
/// @throws std::invalid_argument if `grain` is 0 or `threads` is above `kMaxThreads`.
void parallel_for(std::size_t count, std::size_t grain, std::size_t threads,
                  const std::function<void(std::size_t begin, std::size_t end)>& body);

/// The same with working memory: `body(state, begin, end)`, where each thread passes the state it
/// made with `make_state()` to all of its runs. Results must not depend on what earlier runs left
/// there.
template <class MakeState, class Body>
void parallel_for_with(std::size_t count, std::size_t grain, std::size_t threads,
                       const MakeState& make_state, const Body& body) {
    on_threads(count, grain, threads, [&](RunDealer& dealer) {
        std::optional<Range> run = dealer.next();
        if (!run) {
            return;
        }
        auto state = make_state();
        for (; run; run = dealer.next()) {
            body(state, run->begin, run->end);
        }
    });
}

}  // namespace lvcore
