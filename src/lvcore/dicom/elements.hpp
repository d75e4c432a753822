#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace lvcore {

/// The two letters of a value representation; zeros in implicit VR.
using Vr = std::array<char, 2>;

/// The bytes of a file.
using Bytes = std::span<const unsigned char>;

/// An element to find: its tag, group << 16 | number, and the VR that it must have.
struct WantedElement {
    std::uint32_t tag;
    Vr vr;
};

/// An element found: which of those wanted, and where its value is.
struct FoundElement {
    std::size_t wanted;
    std::size_t begin;
    std::size_t end;
};

/// Elements at the top level of a dataset, and where the next one begins.
struct FoundElements {
    std::vector<FoundElement> elements;
    std::size_t next;
};

/// How elements are encoded.
enum class VrEncoding { implicit_vr, explicit_vr };

/// Finds elements of a little-endian dataset (PS3.5, 7.1), without a copy of anything.
///
/// @param content the file.
/// @param position where the first element begins.
/// @param last elements up to this tag are read; the next one, which must exist, ends the search.
/// @param wanted in ascending order of tags.
/// @returns nothing if the dataset is unusual: elements not in ascending order, beyond the end of
/// the file or of a VR that the standard does not have, a wanted element of another VR, functional
/// groups that are not empty, or sequences of undefined length that are damaged or nested more than
/// 64 deep.
std::optional<FoundElements> find_elements(Bytes content, std::size_t position, VrEncoding encoding,
                                           std::uint32_t last,
                                           std::span<const WantedElement> wanted);

}  // namespace lvcore
