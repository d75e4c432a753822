#include "lvcore/cascade/search.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "lvcore/cascade/cascade.hpp"

namespace lvcore {

void check_search(const SearchOptions& options) {
    if (!(options.scale_factor >= kMinScaleFactor && std::isfinite(options.scale_factor))) {
        throw std::invalid_argument(
            "scale_factor: expected a finite number of at least 1.005, got " +
            std::to_string(options.scale_factor));
    }
    if (options.step > kMaxCascadeWindow) {
        throw std::invalid_argument("step: expected 0 to " + std::to_string(kMaxCascadeWindow) +
                                    ", got " + std::to_string(options.step));
    }
}

std::vector<float> search_scales(std::size_t rows, std::size_t columns, const WindowSize& window,
                                 const SearchOptions& options) {
    const WindowSize most = options.max_size.value_or(WindowSize{columns, rows});
    // Rounds in double or single precision where OpenCV does.
    const auto side = [](std::size_t length, auto scale) {
        return static_cast<std::size_t>(std::lrint(static_cast<decltype(scale)>(length) * scale));
    };
    std::vector<float> all;
    for (double scale = 1;
         side(window.width, scale) <= columns && side(window.height, scale) <= rows;
         scale *= options.scale_factor) {
        all.push_back(static_cast<float>(scale));
    }
    std::vector<float> chosen;
    for (const float scale : all) {
        const WindowSize size{side(window.width, scale), side(window.height, scale)};
        if (size.width <= most.width && size.height <= most.height &&
            size.width >= options.min_size.width && size.height >= options.min_size.height) {
            chosen.push_back(scale);
        }
    }
    if (chosen.empty() && !all.empty()) {
        const auto distance = [&](float scale) {
            const auto apart = [](std::size_t a, std::size_t b) {
                return static_cast<double>(a) - static_cast<double>(b);
            };
            const double dx = apart(options.min_size.width, side(window.width, scale));
            const double dy = apart(options.min_size.height, side(window.height, scale));
            return dx * dx + dy * dy;
        };
        chosen.push_back(*std::min_element(
            all.begin(), all.end(), [&](float a, float b) { return distance(a) < distance(b); }));
    }
    return chosen;
}

}  // namespace lvcore
