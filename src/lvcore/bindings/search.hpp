#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <utility>

#include "lvcore/cascade/search.hpp"

namespace lvcore::bindings {

/// Rows and columns of a window, as passed from Python.
using Size = std::pair<pybind11::ssize_t, pybind11::ssize_t>;

/// The scales and positions to search, from the arguments of these names; ValueError if one is
/// negative.
SearchOptions search_options(double scale_factor, const Size& min_size,
                             const std::optional<Size>& max_size, pybind11::ssize_t step);

}  // namespace lvcore::bindings
