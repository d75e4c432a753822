#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <utility>

#include "lvcore/cascade/search.hpp"

namespace lvcore::bindings {

/// Rows and columns of a window, as Python gives them.
using Size = std::pair<pybind11::ssize_t, pybind11::ssize_t>;

/// Scales and places to search, from the arguments of these names; ValueError where one is
/// negative.
SearchOptions search_options(double scale_factor, const Size& min_size,
                             const std::optional<Size>& max_size, pybind11::ssize_t step);

}  // namespace lvcore::bindings
