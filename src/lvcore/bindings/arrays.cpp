#include "lvcore/bindings/arrays.hpp"

#include <utility>

namespace lvcore::bindings {

namespace {

std::string message(const Argument& argument, const std::string& got) {
    return std::string(argument.name) + ": expected " + argument.expected + ", got " + got;
}

std::string describe(const py::array& array) {
    return py::str(array.dtype()).cast<std::string>() + " " +
           py::str(array.attr("shape")).cast<std::string>();
}

}  // namespace

py::array as_array(const Argument& argument) {
    if (!py::isinstance<py::array>(argument.value)) {
        throw py::type_error(
            message(argument, py::str(py::type::handle_of(argument.value).attr("__name__"))));
    }
    return py::reinterpret_borrow<py::array>(argument.value);
}

void fail_dtype(const Argument& argument, const py::array& array) {
    throw py::type_error(message(argument, describe(array)));
}

void fail_shape(const Argument& argument, const py::array& array) {
    throw py::value_error(message(argument, describe(array)));
}

void check_layout(const Argument& argument, const py::array& array, py::ssize_t dimensions) {
    if (array.ndim() != dimensions) {
        fail_shape(argument, array);
    }
    constexpr int kAligned = py::detail::npy_api::NPY_ARRAY_ALIGNED_;
    constexpr int kContiguous = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_;
    if ((array.flags() & kContiguous) == 0 || (array.flags() & kAligned) == 0) {
        throw py::value_error(std::string(argument.name) +
                              ": expected a C-contiguous array, got one with strides " +
                              py::str(array.attr("strides")).cast<std::string>() +
                              " (numpy.ascontiguousarray makes a copy)");
    }
}

void check_no_overlap(const py::array& out, const char* name, const py::array& input) {
    const auto start = [](const py::array& array) {
        return reinterpret_cast<std::uintptr_t>(array.data());
    };
    const auto end = [&](const py::array& array) {
        return start(array) + static_cast<std::size_t>(array.nbytes());
    };
    if (start(out) < end(input) && start(input) < end(out)) {
        throw py::value_error(std::string("out: expected memory separate from ") + name +
                              ", got an overlap");
    }
}

std::size_t count_argument(const char* name, py::ssize_t value) {
    if (value < 0) {
        throw py::value_error(std::string(name) + ": expected 0 or more, got " +
                              std::to_string(value));
    }
    return static_cast<std::size_t>(value);
}

Edge edge_argument(const std::string& name) {
    return choice_argument<Edge>("edge", name, {{"zero", Edge::zero}, {"nearest", Edge::nearest}});
}

py::array_t<float> to_numpy(FloatBuffer&& buffer, const std::vector<py::ssize_t>& shape) {
    FloatBuffer::Memory floats = std::move(buffer).release();
    const float* data = floats.get();
    const py::capsule owner(data, [](void* memory) { FreeFloats()(static_cast<float*>(memory)); });
    static_cast<void>(floats.release());
    return py::array_t<float>(shape, data, owner);
}

}  // namespace lvcore::bindings
