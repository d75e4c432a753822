#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lvcore/base/pixels.hpp"

namespace lvcore::bindings {

namespace py = pybind11;

/// An argument that must be an array: its name and the form it should have, for messages.
struct Argument {
    py::handle value;
    const char* name;
    const char* expected;
};

/// The argument as an array of any dtype; TypeError for anything else.
py::array as_array(const Argument& argument);

/// Raises TypeError over the argument's dtype.
[[noreturn]] void fail_dtype(const Argument& argument, const py::array& array);

/// Raises ValueError unless the array has `dimensions` axes, is C-contiguous and aligned.
void check_layout(const Argument& argument, const py::array& array, py::ssize_t dimensions);

/// Raises ValueError with the shape that came.
[[noreturn]] void fail_shape(const Argument& argument, const py::array& array);

/// The argument as it stands, never a converted copy: a wrong dtype is a TypeError, a wrong number
/// of axes or a layout that is not C-contiguous a ValueError.
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

/// A count given as a Python int; ValueError where it is negative.
std::size_t count_argument(const char* name, py::ssize_t value);

/// "zero" or "nearest"; ValueError for anything else.
Edge edge_argument(const std::string& name);

/// Hands the floats to NumPy without a copy.
py::array_t<float> to_numpy(FloatBuffer&& buffer, const std::vector<py::ssize_t>& shape);

void bind_cascade(py::module_& module);
void bind_cascade_train(py::module_& module);
void bind_geometry(py::module_& module);
void bind_networks(py::module_& module);
void bind_raster(py::module_& module);
void bind_resample(py::module_& module);
void bind_windows(py::module_& module);

}  // namespace lvcore::bindings
