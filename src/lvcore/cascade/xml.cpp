#include "lvcore/cascade/xml.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "lvcore/cascade/cascade.hpp"

namespace lvcore {

namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// Letters, digits and what else may be in the names of these files.
bool is_name_part(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':';
}

bool is_name_start(char c) {
    return is_name_part(c) && c != '-' && c != '.' && !(c >= '0' && c <= '9');
}

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

class XmlReader {
  public:
    XmlReader(std::string_view text, const XmlLimits& limits) : text_(text), limits_(limits) {}

    std::vector<XmlElement> read() {
        if (text_.size() > limits_.size) {
            throw CascadeFormatError("XML: expected at most " + std::to_string(limits_.size) +
                                     " bytes, got " + std::to_string(text_.size()));
        }
        take("\xEF\xBB\xBF");
        if (take("<?xml")) {
            skip_past("?>", "the end of the XML declaration");
        }
        do {
            read_next();
        } while (!open_.empty() || elements_.empty());
        while (skip_space(), at_ < text_.size()) {
            if (!take("<!--")) {
                fail("nothing after the outermost element");
            }
            skip_past("-->", "the end of a comment");
        }
        return std::move(elements_);
    }

  private:
    /// An element that has begun and not ended.
    struct Open {
        std::size_t element;
        /// Its last child so far; 0 where it has none.
        std::size_t last_child;
    };

    [[noreturn]] void fail(const std::string& expected) const {
        const std::size_t end = std::min(at_, text_.size());
        const auto line =
            1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(end), '\n');
        throw CascadeFormatError("XML, line " + std::to_string(line) + ": expected " + expected +
                                 ", got " +
                                 (end == text_.size() ? "the end" : quoted(text_.substr(end))));
    }

    bool take(std::string_view token) {
        if (text_.substr(at_, token.size()) != token) {
            return false;
        }
        at_ += token.size();
        return true;
    }

    void skip_past(std::string_view token, const std::string& expected) {
        const std::size_t place = text_.find(token, at_);
        if (place == std::string_view::npos) {
            at_ = text_.size();
            fail(expected);
        }
        at_ = place + token.size();
    }

    void skip_space() { at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size()); }

    std::string_view take_name() {
        const std::size_t begin = at_;
        if (at_ == text_.size() || !is_name_start(text_[at_])) {
            fail("a name");
        }
        while (at_ < text_.size() && is_name_part(text_[at_])) {
            ++at_;
        }
        return text_.substr(begin, at_ - begin);
    }

    /// Reads text up to the next mark, and the mark.
    void read_next() {
        const std::size_t begin = at_;
        at_ = std::min(text_.find_first_of("<&", at_), text_.size());
        const std::string_view text = trimmed(text_.substr(begin, at_ - begin));
        if (!text.empty()) {
            keep_text(text, begin);
        }
        if (at_ == text_.size()) {
            fail(open_.empty() ? "an element" : "</" + name_of_open() + ">");
        }
        if (take("<!--")) {
            skip_past("-->", "the end of a comment");
        } else if (take("</")) {
            end_element();
        } else if (text_[at_] == '<' && at_ + 1 < text_.size() && is_name_start(text_[at_ + 1])) {
            ++at_;
            begin_element();
        } else {
            fail("an element or a comment");  // entities and declarations among what comes instead
        }
    }

    void keep_text(std::string_view text, std::size_t begin) {
        if (open_.empty() || open_.back().last_child != 0 ||
            !elements_[open_.back().element].text.empty()) {
            at_ = text_.find_first_not_of(kSpace, begin);
            fail("an element");
        }
        elements_[open_.back().element].text = text;
    }

    void begin_element() {
        if (open_.size() == limits_.depth) {
            fail("elements at most " + std::to_string(limits_.depth) + " deep");
        }
        if (elements_.size() == limits_.elements) {
            fail("at most " + std::to_string(limits_.elements) + " elements");
        }
        const std::size_t element = elements_.size();
        if (!open_.empty()) {
            Open& parent = open_.back();
            if (!elements_[parent.element].text.empty()) {
                fail("no element beside text");
            }
            (parent.last_child == 0 ? elements_[parent.element].first_child
                                    : elements_[parent.last_child].next) = element;
            parent.last_child = element;
        }
        elements_.push_back({take_name(), {}, 0, 0});
        if (!skip_attributes()) {
            open_.push_back({element, 0});
        }
    }

    /// Returns whether the element is empty, `<name/>`.
    bool skip_attributes() {
        while (true) {
            const std::size_t before = at_;
            skip_space();
            if (take("/>")) {
                return true;
            }
            if (take(">")) {
                return false;
            }
            if (at_ == before) {
                fail("'>'");
            }
            take_name();
            skip_space();
            if (!take("=")) {
                fail("'='");
            }
            skip_space();
            const bool twice = take("\"");
            if (!twice && !take("'")) {
                fail("a value in quotes");
            }
            const std::size_t end = text_.find_first_of(twice ? "\"<&" : "'<&", at_);
            at_ = std::min(end, text_.size());
            if (!take(twice ? "\"" : "'")) {
                fail("the end of an attribute");
            }
        }
    }

    void end_element() {
        if (open_.empty() || take_name() != elements_[open_.back().element].name) {
            fail(open_.empty() ? "an element" : "</" + name_of_open() + ">");
        }
        skip_space();
        if (!take(">")) {
            fail("'>'");
        }
        open_.pop_back();
    }

    [[nodiscard]] std::string name_of_open() const {
        return quoted(elements_[open_.back().element].name);
    }

    std::string_view text_;
    XmlLimits limits_;
    std::size_t at_ = 0;
    std::vector<XmlElement> elements_;
    std::vector<Open> open_;
};

}  // namespace

std::vector<XmlElement> read_xml(std::string_view text, const XmlLimits& limits) {
    return XmlReader(text, limits).read();
}

std::string quoted(std::string_view text) {
    constexpr std::size_t kMost = 24;
    std::string shown = "'";
    for (const char c : text.substr(0, kMost)) {
        shown += c >= ' ' && c <= '~' ? c : '?';
    }
    return shown + (text.size() > kMost ? "...'" : "'");
}

}  // namespace lvcore
