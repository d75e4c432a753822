#include "lvcore/dicom/elements.hpp"

#include <algorithm>
#include <string_view>

namespace lvcore {

namespace {

constexpr std::uint32_t kUndefinedLength = 0xFFFFFFFF;
constexpr std::uint32_t kItem = 0xFFFEE000;
constexpr std::uint32_t kItemEnd = 0xFFFEE00D;
constexpr std::uint32_t kSequenceEnd = 0xFFFEE0DD;
constexpr std::uint32_t kSharedGroups = 0x52009229;
constexpr std::uint32_t kPerFrameGroups = 0x52009230;
constexpr std::size_t kEmptyItem = 8;
constexpr int kMaxDepth = 64;

/// VRs with a length of two bytes, and those with a length of four after two unused ones.
constexpr std::string_view kShortVrs =
    "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US";
constexpr std::string_view kLongVrs = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";

constexpr bool contains(std::string_view vrs, Vr vr) {
    for (std::size_t i = 0; i + 1 < vrs.size(); i += 3) {
        if (vrs[i] == vr[0] && vrs[i + 1] == vr[1]) {
            return true;
        }
    }
    return false;
}

constexpr Vr kSequence = {'S', 'Q'};
constexpr Vr kImplicit = {};

class Search {
  public:
    Search(Bytes content, VrEncoding encoding) : content_(content), encoding_(encoding) {}

    /// Reads elements up to tag `last`; returns where the next one begins, or nothing.
    std::optional<std::size_t> read(std::size_t position, std::uint32_t last, int depth,
                                    std::span<const WantedElement> wanted,
                                    std::vector<FoundElement>* found) const {
        auto candidate = wanted.begin();
        std::int64_t before = -1;
        while (true) {
            if (!has(position, 8)) {
                return std::nullopt;
            }
            const std::uint32_t tag = tag_at(position);
            if (tag > last) {
                return position;
            }
            if (tag <= before) {
                return std::nullopt;
            }
            before = tag;
            const std::optional<Value> value = value_at(position);
            if (!value) {
                return std::nullopt;
            }
            while (candidate != wanted.end() && candidate->tag < tag) {
                ++candidate;
            }
            const bool is_wanted = candidate != wanted.end() && candidate->tag == tag;
            if (value->length > content_.size() - value->begin) {
                const bool sequence = value->vr == kSequence || value->vr == kImplicit;
                if (value->length != kUndefinedLength || !sequence || is_wanted) {
                    return std::nullopt;
                }
                const auto end = end_of_sequence(value->begin, depth + 1);
                if (!end) {
                    return std::nullopt;
                }
                position = *end;
            } else {
                position = value->begin + value->length;
                if (is_wanted) {
                    if (value->vr != candidate->vr && value->vr != kImplicit) {
                        return std::nullopt;
                    }
                    found->push_back({static_cast<std::size_t>(candidate - wanted.begin()),
                                      value->begin, position});
                }
            }
            const bool groups = tag == kSharedGroups || tag == kPerFrameGroups;
            if (groups && position - value->begin > kEmptyItem) {
                return std::nullopt;
            }
        }
    }

  private:
    struct Value {
        Vr vr;
        std::size_t begin;
        std::uint32_t length;
    };

    [[nodiscard]] bool has(std::size_t position, std::size_t count) const {
        return position <= content_.size() && count <= content_.size() - position;
    }

    [[nodiscard]] std::uint32_t u16(std::size_t position) const {
        return content_[position] | static_cast<std::uint32_t>(content_[position + 1]) << 8;
    }

    [[nodiscard]] std::uint32_t u32(std::size_t position) const {
        return u16(position) | u16(position + 2) << 16;
    }

    [[nodiscard]] std::uint32_t tag_at(std::size_t position) const {
        return u16(position) << 16 | u16(position + 2);
    }

    /// Returns the value of the element whose eight bytes at `position` exist.
    [[nodiscard]] std::optional<Value> value_at(std::size_t position) const {
        if (encoding_ == VrEncoding::implicit_vr) {
            return Value{kImplicit, position + 8, u32(position + 4)};
        }
        const Vr vr = {static_cast<char>(content_[position + 4]),
                       static_cast<char>(content_[position + 5])};
        if (contains(kShortVrs, vr)) {
            return Value{vr, position + 8, u16(position + 6)};
        }
        if (!contains(kLongVrs, vr) || !has(position, 12)) {
            return std::nullopt;
        }
        return Value{vr, position + 12, u32(position + 8)};
    }

    /// Returns the end of a sequence of undefined length whose items begin at `position`.
    [[nodiscard]] std::optional<std::size_t> end_of_sequence(std::size_t position,
                                                             int depth) const {
        if (depth > kMaxDepth) {
            return std::nullopt;
        }
        while (has(position, 8)) {
            const std::uint32_t tag = tag_at(position);
            const std::uint32_t length = u32(position + 4);
            position += 8;
            if (tag == kSequenceEnd) {
                return position;
            }
            if (tag != kItem) {
                return std::nullopt;
            }
            if (length != kUndefinedLength) {
                position += length;
                continue;
            }
            const auto end = read(position, kItemEnd - 1, depth, {}, nullptr);
            if (!end || tag_at(*end) != kItemEnd) {
                return std::nullopt;
            }
            position = *end + 8;
        }
        return std::nullopt;
    }

    Bytes content_;
    VrEncoding encoding_;
};

}  // namespace

std::optional<FoundElements> find_elements(Bytes content, std::size_t position, VrEncoding encoding,
                                           std::uint32_t last,
                                           std::span<const WantedElement> wanted) {
    FoundElements found{{}, 0};
    found.elements.reserve(wanted.size());
    const auto next = Search(content, encoding).read(position, last, 0, wanted, &found.elements);
    if (!next) {
        return std::nullopt;
    }
    found.next = *next;
    return found;
}

}  // namespace lvcore
