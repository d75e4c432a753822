#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lvcore/cascade/cascade.hpp"

namespace lvcore {

/// Longest text that is read, in bytes.
inline constexpr std::size_t kMaxXmlSize = std::size_t{1} << 25;

/// Most elements a text may have, and how deep they may lie; a cascade's lie eight deep at most.
inline constexpr std::size_t kMaxXmlElements = 1000000;
inline constexpr std::size_t kMaxXmlDepth = 32;

/// Reads a boosted LBP cascade in the form opencv_traincascade writes.
///
/// XML is read strictly, and only what such files use: elements, attributes, which have no meaning
/// here, comments and text. Entities, document types, CDATA and processing instructions are
/// refused. Elements that are not known are passed over.
///
/// @throws CascadeFormatError with the line or the place, if the text is no such cascade, is not
/// sound or is beyond a limit.
Cascade read_cascade(std::string_view xml);

/// Writes a cascade in that form, which OpenCV reads too. Reading it again gives an equal cascade.
///
/// @throws CascadeFormatError if the cascade is not sound.
std::string write_cascade(const Cascade& cascade);

}  // namespace lvcore
