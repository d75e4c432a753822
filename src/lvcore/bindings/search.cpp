#include "lvcore/bindings/search.hpp"

#include "lvcore/bindings/arrays.hpp"

namespace lvcore::bindings {

namespace {

WindowSize size_argument(const char* name, const Size& rows_columns) {
    return {count_argument(name, rows_columns.second), count_argument(name, rows_columns.first)};
}

}  // namespace

SearchOptions search_options(double scale_factor, const Size& min_size,
                             const std::optional<Size>& max_size, py::ssize_t step) {
    SearchOptions options;
    options.scale_factor = scale_factor;
    options.min_size = size_argument("min_size", min_size);
    if (max_size) {
        options.max_size = size_argument("max_size", *max_size);
    }
    options.step = count_argument("step", step);
    return options;
}

}  // namespace lvcore::bindings
