#include <pybind11/stl.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "lvcore/bindings/arrays.hpp"
#include "lvcore/dicom/elements.hpp"

namespace lvcore::bindings {

namespace {

/// How the value of an element is stored.
enum class Storage { ascii, character_set, u16, u32, f32, f64 };

Storage storage_of(const std::string& vr) {
    if (vr == "LO" || vr == "SH") {
        return Storage::character_set;
    }
    if (vr == "US") {
        return Storage::u16;
    }
    if (vr == "UL") {
        return Storage::u32;
    }
    if (vr == "FL") {
        return Storage::f32;
    }
    if (vr == "FD") {
        return Storage::f64;
    }
    for (const char* ascii : {"CS", "DA", "DS", "DT", "IS", "TM", "UI"}) {
        if (vr == ascii) {
            return Storage::ascii;
        }
    }
    throw py::value_error("elements: expected a VR of text or of one number, got " + vr);
}

/// Strips every value of a text of spaces and zeros; values are separated by backslashes.
void strip_values(std::string_view text, std::string& stripped) {
    stripped.clear();
    for (std::size_t begin = 0;;) {
        const std::size_t end = std::min(text.find('\\', begin), text.size());
        std::size_t first = begin;
        std::size_t last = end;
        const auto is_padding = [&](std::size_t i) { return text[i] == ' ' || text[i] == '\0'; };
        while (first < last && is_padding(first)) {
            ++first;
        }
        while (last > first && is_padding(last - 1)) {
            --last;
        }
        stripped.append(text, first, last - first);
        if (end == text.size()) {
            return;
        }
        stripped.push_back('\\');
        begin = end + 1;
    }
}

template <class Number>
Number number_of(std::string_view value) {
    static_assert(std::endian::native == std::endian::little);
    Number number;
    std::memcpy(&number, value.data(), sizeof(number));
    return number;
}

/// Reads the values of some elements as text.
class ElementReader {
  public:
    ElementReader(const std::vector<std::tuple<std::uint32_t, std::string, std::string>>& elements,
                  std::size_t max_bytes)
        : max_bytes_(max_bytes) {
        for (const auto& [tag, keyword, vr] : elements) {
            const Storage storage = storage_of(vr);
            if (!wanted_.empty() && tag <= wanted_.back().tag) {
                throw py::value_error("elements: expected ascending tags");
            }
            wanted_.push_back({tag, {vr[0], vr[1]}});
            keywords_.push_back(
                py::reinterpret_steal<py::object>(PyUnicode_InternFromString(keyword.c_str())));
            storages_.push_back(storage);
        }
    }

    /// Returns the texts by keyword, and where the next element begins; nothing if unusual.
    [[nodiscard]] std::optional<std::pair<py::dict, std::size_t>> read(const py::bytes& content,
                                                                       std::size_t position,
                                                                       bool explicit_vr,
                                                                       std::uint32_t last) const {
        const std::string_view bytes = content;
        const auto found = find_elements(
            {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}, position,
            explicit_vr ? VrEncoding::explicit_vr : VrEncoding::implicit_vr, last, wanted_);
        if (!found) {
            return std::nullopt;
        }
        py::dict texts;
        std::string buffer;
        for (const FoundElement& element : found->elements) {
            const std::size_t size = element.end - element.begin;
            if (size > max_bytes_) {
                return std::nullopt;
            }
            const py::object text =
                text_of(bytes.substr(element.begin, size), storages_[element.wanted], buffer);
            if (!text) {
                return std::nullopt;
            }
            texts[keywords_[element.wanted]] = text;
        }
        return std::pair{std::move(texts), found->next};
    }

  private:
    /// Returns a value as text, or a null object if it is unusual.
    static py::object text_of(std::string_view value, Storage storage, std::string& buffer) {
        if (storage == Storage::ascii || storage == Storage::character_set) {
            const bool plain =
                storage == Storage::ascii || std::none_of(value.begin(), value.end(), [](char c) {
                    return static_cast<unsigned char>(c) > 127 || c == '\x1b';
                });
            if (!plain) {
                return {};
            }
            strip_values(value, buffer);
            return py::reinterpret_steal<py::object>(PyUnicode_DecodeLatin1(
                buffer.data(), static_cast<Py_ssize_t>(buffer.size()), nullptr));
        }
        if (value.empty()) {
            return py::str();
        }
        switch (storage) {
            case Storage::u16:
                return of_size(value, 2) ? py::str(py::int_(number_of<std::uint16_t>(value)))
                                         : py::object();
            case Storage::u32:
                return of_size(value, 4) ? py::str(py::int_(number_of<std::uint32_t>(value)))
                                         : py::object();
            case Storage::f32:
                return of_size(value, 4)
                           ? py::str(py::float_(static_cast<double>(number_of<float>(value))))
                           : py::object();
            default:
                return of_size(value, 8) ? py::str(py::float_(number_of<double>(value)))
                                         : py::object();
        }
    }

    static bool of_size(std::string_view value, std::size_t size) { return value.size() == size; }

    std::vector<WantedElement> wanted_;
    std::vector<py::object> keywords_;
    std::vector<Storage> storages_;
    std::size_t max_bytes_;
};

}  // namespace

void bind_dicom(py::module_& module) {
    py::class_<ElementReader>(module, "ElementReader",
                              py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)),
                              "Reads the values of some elements of a DICOM file as text.")
        .def(py::init<const std::vector<std::tuple<std::uint32_t, std::string, std::string>>&,
                      std::size_t>(),
             py::arg("elements"), py::arg("max_bytes"))
        .def("read", &ElementReader::read, py::arg("content"), py::arg("position"), py::kw_only(),
             py::arg("explicit"), py::arg("last"),
             "Return the texts by keyword and where the next element begins.");
}

}  // namespace lvcore::bindings
