#include "lvcore/dicom/elements.hpp"

#include <string>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::find_elements;
using lvcore::FoundElements;
using lvcore::VrEncoding;
using lvcore::WantedElement;

using namespace std::string_literals;

const std::vector<WantedElement> kWanted = {{0x00080060, {'C', 'S'}}, {0x00280010, {'U', 'S'}}};
constexpr std::uint32_t kBeforePixels = 0x7FE0000F;

const std::string kModality =
    "\x08\x00\x60\x00"
    "CS\x02\x00MR"s;
const std::string kRows = "\x28\x00\x10\x00US\x02\x00\x07\x00"s;
const std::string kPixels = "\xe0\x7f\x10\x00OW\x00\x00\x00\x00\x00\x00"s;

std::optional<FoundElements> find(const std::string& file,
                                  VrEncoding encoding = VrEncoding::explicit_vr) {
    return find_elements({reinterpret_cast<const unsigned char*>(file.data()), file.size()}, 0,
                         encoding, kBeforePixels, kWanted);
}

/// A sequence of undefined length that holds `inside` in one item of undefined length.
std::string sequence(const std::string& inside) {
    return "\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff"s + "\xfe\xff\x00\xe0\xff\xff\xff\xff"s +
           inside + "\xfe\xff\x0d\xe0\x00\x00\x00\x00"s + "\xfe\xff\xdd\xe0\x00\x00\x00\x00"s;
}

TEST(wanted_elements_are_found_and_others_skipped) {
    const std::string file = kModality + sequence(kRows) + kRows + kPixels;
    const auto found = find(file);
    CHECK(found.has_value());
    CHECK(found->elements.size() == 2);
    CHECK(found->elements[0].wanted == 0);
    CHECK(file.substr(found->elements[0].begin, 2) == "MR");
    CHECK(found->elements[1].wanted == 1);
    CHECK(found->elements[1].end == found->next);
    CHECK(file.substr(found->next) == kPixels);
}

TEST(elements_of_implicit_vr_are_found) {
    const auto found =
        find("\x28\x00\x10\x00\x02\x00\x00\x00\x07\x00"s + kPixels, VrEncoding::implicit_vr);
    CHECK(found.has_value());
    CHECK(found->elements.size() == 1);
    CHECK(found->elements[0].begin == 8);
}

TEST(unusual_datasets_are_refused) {
    CHECK(!find(kModality + kRows));                // no element after the last one wanted
    CHECK(!find(kRows + kModality + kPixels));      // descending
    CHECK(!find(kModality + kModality + kPixels));  // twice
    CHECK(!find("\x28\x00\x10\x00SS\x02\x00\x07\x00"s + kPixels));          // another VR
    CHECK(!find("\x28\x00\x11\x00XX\x02\x00\x07\x00"s + kPixels));          // no VR of the standard
    CHECK(!find("\x28\x00\x11\x00US\xff\xff\x07\x00"s + kPixels));          // beyond the end
    CHECK(!find("\x28\x00\x11\x00OB\x00\x00\xff\xff"s));                    // ends within a length
    CHECK(!find("\x28\x00\x11\x00OB\x00\x00\xff\xff\xff\xff"s + kPixels));  // not a sequence
}

TEST(damaged_or_deep_sequences_are_refused) {
    const std::string whole = sequence(kRows) + kPixels;
    CHECK(find(whole).has_value());
    for (std::size_t size = 0; size < whole.size() - 8; ++size) {
        CHECK(!find(whole.substr(0, size)));
    }
    CHECK(!find(sequence(kRows + kRows) + kPixels));
    std::string deep = kRows;
    for (int depth = 0; depth < 64; ++depth) {
        deep = sequence(deep);
    }
    CHECK(find(deep + kPixels).has_value());
    CHECK(!find(sequence(deep) + kPixels));
}

TEST(only_empty_functional_groups_are_accepted) {
    const std::string groups = "\x00\x52\x29\x92SQ\x00\x00"s;
    const std::string item = "\xfe\xff\x00\xe0\x00\x00\x00\x00"s;
    CHECK(find(groups + "\x08\x00\x00\x00"s + item + kPixels).has_value());
    CHECK(!find(groups + "\x10\x00\x00\x00"s + item + item + kPixels));
}

}  // namespace
