#include "lvcore/cascade/cascade_xml.hpp"

#include <string>

#include "check.hpp"

namespace {

using lvcore::CascadeFormatError;

const std::string kFile = R"(<?xml version="1.0"?>
<opencv_storage>
<cascade type_id="opencv-cascade-classifier">
  <stageType>BOOST</stageType>
  <featureType>LBP</featureType>
  <height>9</height>
  <width>6</width>
  <stageParams>
    <boostType>GAB</boostType></stageParams>
  <featureParams>
    <maxCatCount>256</maxCatCount></featureParams>
  <stageNum>1</stageNum>
  <stages>
    <!-- stage 0 -->
    <_>
      <maxWeakCount>2</maxWeakCount>
      <stageThreshold>-1.2500000000000000e-01</stageThreshold>
      <weakClassifiers>
        <_>
          <internalNodes>
            0 -1 1 -1 2 -2147483648 2147483647 0 5 6 7</internalNodes>
          <leafValues>
            -0.1000000014901161 8.</leafValues></_>
        <_>
          <internalNodes>
            1 -2 0 0 0 0 0 0 0 0 0 0 -1 1 0 0 0 0 0 0 0 0</internalNodes>
          <leafValues>
            1 2 3</leafValues></_></weakClassifiers></_></stages>
  <features>
    <_>
      <rect>
        0 0 2 3</rect></_>
    <_>
      <rect>
        3 6 1 1</rect></_></features></cascade>
</opencv_storage>
)";

TEST(a_file_of_opencv_traincascade_is_read) {
    const lvcore::Cascade cascade = lvcore::read_cascade(kFile);
    const lvcore::LbpSubset subset = {0xFFFFFFFFU, 2, 0x80000000U, 0x7FFFFFFFU, 0, 5, 6, 7};
    const lvcore::Tree stump{{{1, subset, 0, -1}}, {-0.1F, 8.0F}};
    const lvcore::Tree tree{{{0, {}, 1, -2}, {1, {}, 0, -1}}, {1.0F, 2.0F, 3.0F}};
    const lvcore::Cascade expected{6, 9, {{0, 0, 2, 3}, {3, 6, 1, 1}}, {{{stump, tree}, -0.125F}}};
    CHECK(cascade == expected);
    CHECK(lvcore::read_cascade(lvcore::write_cascade(cascade)) == cascade);
}

TEST(every_bit_of_a_float_survives) {
    lvcore::Cascade cascade = lvcore::read_cascade(kFile);
    for (const float value :
         {0.1F, 1.0F / 3.0F, -1e-38F, 3e38F, 16777216.0F, 1e-45F, -0.7520892F}) {
        cascade.stages[0].threshold = value;
        cascade.stages[0].trees[0].leaves[0] = value;
        CHECK(lvcore::read_cascade(lvcore::write_cascade(cascade)) == cascade);
    }
}

TEST(no_unsound_cascade_is_written) {
    lvcore::Cascade cascade = lvcore::read_cascade(kFile);
    cascade.stages[0].trees[0].nodes[0].feature = 2;
    CHECK_THROWS(CascadeFormatError, "feature: expected below 2", lvcore::write_cascade(cascade));
}

TEST(errors_tell_the_line_or_the_place) {
    const auto spoiled = [](const std::string& part, const std::string& instead) {
        std::string text = kFile;
        text.replace(text.find(part), part.size(), instead);
        return text;
    };
    CHECK_THROWS(CascadeFormatError, "XML, line 5: expected </'featureType'>",
                 lvcore::read_cascade(spoiled("</featureType>", "</stageType>")));
    CHECK_THROWS(CascadeFormatError, "XML, line 5: expected an element or a comment, got '&lbp;",
                 lvcore::read_cascade(spoiled("LBP", "&lbp;")));
    CHECK_THROWS(CascadeFormatError, "leafValues: expected numbers",
                 lvcore::read_cascade(spoiled("1 2 3", "1 2 x")));
    CHECK_THROWS(CascadeFormatError, "feature 1: expected 3 x 3 blocks",
                 lvcore::read_cascade(spoiled("3 6 1 1", "4 6 1 1")));
}

}  // namespace
