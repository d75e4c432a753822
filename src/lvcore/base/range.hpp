#pragma once

#include <cstddef>

namespace lvcore {

/// Consecutive items: [begin, end).
struct Range {
    std::size_t begin;
    std::size_t end;

    [[nodiscard]] std::size_t size() const { return end - begin; }
};

}  // namespace lvcore
