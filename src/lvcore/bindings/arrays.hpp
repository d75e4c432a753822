#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lvcore/base/pixels.hpp"

namespace lvcore::bindings {

namespace py = pybind11;

/// An argument that must be an array, with its name and expected form for error messages.
struct Argument {
    py::handle value;
    const char* name;
    const char* expected;
};

/// The argument as an array of any dtype; TypeError for anything else.
py::array as_array(const Argument& argument);

/// Raises TypeError about the dtype.
[[noreturn]] void fail_dtype(const Argument& argument, const py::array& array);

/// Raises ValueError unless the array has `dimensions` axes, is C-contiguous and aligned.
void check_layout(const Argument& argument, const py::array& array, py::ssize_t dimensions);

/// Raises ValueError about the shape.
[[noreturn]] void fail_shape(const Argument& argument, const py::array& array);

/// Raises ValueError if the output shares memory with the named input.
void check_no_overlap(const py::array& out, const char* name, const py::array& input);

/// The argument itself, never a converted copy: TypeError for a wrong dtype, ValueError for a wrong
/// number of axes or a layout that is not C-contiguous.
template <class T>
py::array_t<T> typed_array(const Argument& argument, py::ssize_t dimensions) {
    const py::array array = as_array(argument);
    if (!py::isinstance<py::array_t<T>>(array)) {
        fail_dtype(argument, array);
    }
    check_layout(argument, array, dimensions);
    return py::reinterpret_borrow<py::array_t<T>>(array);
}

template <class T>
std::span<const T> elements(const py::array_t<T>& array) {
    return {array.data(), static_cast<std::size_t>(array.size())};
}

inline std::size_t extent(const py::array& array, py::ssize_t axis) {
    return static_cast<std::size_t>(array.shape(axis));
}

/// A count given as a Python int; ValueError if negative.
std::size_t count_argument(const char* name, py::ssize_t value);

/// The value that a string argument stands for; ValueError if it is none of the choices.
template <class Value>
Value choice_argument(const char* name, std::string_view given,
                      std::initializer_list<std::pair<std::string_view, Value>> choices) {
    std::string expected;
    std::size_t left = choices.size();
    for (const auto& [choice, value] : choices) {
        if (choice == given) {
            return value;
        }
        --left;
        expected += "'" + std::string(choice) + (left > 1 ? "', " : left == 1 ? "' or " : "'");
    }
    throw py::value_error(std::string(name) + ": expected " + expected + ", got '" +
                          std::string(given) + "'");
}

/// "zero" or "nearest".
Edge edge_argument(const std::string& name);

/// Moves the floats into a NumPy array without a copy.
py::array_t<float> to_numpy(FloatBuffer&& buffer, const std::vector<py::ssize_t>& shape);

void bind_cascade(py::module_& module);
void bind_cascade_train(py::module_& module);
void bind_dicom(py::module_& module);
void bind_equalise(py::module_& module);
void bind_geometry(py::module_& module);
void bind_networks(py::module_& module);
void bind_raster(py::module_& module);
void bind_resample(py::module_& module);
void bind_windows(py::module_& module);

}  // namespace lvcore::bindings
