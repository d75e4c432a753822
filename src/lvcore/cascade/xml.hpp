#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lvcore {

/// Limits of an XML text.
struct XmlLimits {
    std::size_t size;
    std::size_t elements;
    std::size_t depth;
};

/// An element of an XML text. Views lead into the text; elements are numbered in the order they
/// begin, and 0, which nothing refers to, is the outermost.
struct XmlElement {
    std::string_view name;
    /// What stands in an element without children, without the space around it.
    std::string_view text;
    /// The first child and the next sibling; 0 where there is none.
    std::size_t first_child;
    std::size_t next;
};

/// Reads the elements of an XML text, without recursion. Attributes and comments are passed over;
/// entities, document types, CDATA, processing instructions, text beside elements and text parted
/// by a comment are refused.
///
/// @throws CascadeFormatError with the line.
std::vector<XmlElement> read_xml(std::string_view text, const XmlLimits& limits);

/// A piece of a text that may hold anything, fit for a message: short, quoted, ASCII.
std::string quoted(std::string_view text);

}  // namespace lvcore
