#include "lvcore/planes/equalise.hpp"

#include <limits>
#include <stdexcept>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::equalise;
using lvcore::EqualiseRequest;
using lvcore::FloatBuffer;
using lvcore::ImageBatch;

/// Images of one row, resampled to themselves; all of a row is the field.
EqualiseRequest rows_of(std::size_t columns, std::size_t together) {
    return {together, {0, 1}, {0, columns}, {0.0, 1.0, 0, 1, 1}, {0.0, 1.0, 0, columns, columns}};
}

TEST(grey_values_become_their_share_of_all_images_together) {
    // Two groups of two images; the second group has no contrast.
    const std::vector<float> pixels = {-8, 5, 5, 90, 5, 5, 40, 90, 7, 7, 7, 7, 7, 7, 7, 7};
    const std::vector<double> expected = {0.125, 0.625, 0.625, 1, 0.625, 0.625, 0.75, 1,
                                          0,     0,     0,     0, 0,     0,     0,    0};
    for (const std::size_t threads : {1, 3}) {
        const FloatBuffer out = equalise({pixels.data(), 4, 1, 4}, rows_of(4, 2), threads);
        CHECK(out.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CHECK_NEAR(out.data()[i], expected[i], 1e-7);
        }
    }
}

TEST(ranks_are_resampled_not_grey_values) {
    const std::vector<float> pixels = {0, 1000};
    EqualiseRequest request = rows_of(2, 1);
    request.columns = {0.5, 1.0, 0, 1, 2};
    // Ranks are 0.5 and 1.
    CHECK_NEAR(equalise({pixels.data(), 1, 1, 2}, request, 1).data()[0], 0.75, 1e-7);
}

TEST(values_outside_the_field_take_the_nearest_level) {
    const std::vector<float> pixels = {-1e30F, 0, 1, 1e30F};
    EqualiseRequest request = rows_of(4, 1);
    request.field_columns = {1, 3};
    const FloatBuffer out = equalise({pixels.data(), 1, 1, 4}, request, 1);
    CHECK_NEAR(out.data()[0], 0.5, 1e-7);
    CHECK_NEAR(out.data()[3], 1.0, 1e-7);
}

TEST(bad_requests_are_refused) {
    const std::vector<float> pixels = {0, 1, 2, 3};
    const ImageBatch<float> images{pixels.data(), 2, 1, 2};
    CHECK_THROWS(std::invalid_argument, "images: expected a multiple of 0",
                 equalise(images, rows_of(2, 0), 1));
    CHECK_THROWS(std::invalid_argument, "images: expected a multiple of 2, got 3",
                 equalise({pixels.data(), 3, 1, 1}, rows_of(1, 2), 1));
    EqualiseRequest empty = rows_of(2, 1);
    empty.field_rows = {1, 1};
    CHECK_THROWS(std::invalid_argument, "field: expected", equalise(images, empty, 1));
    EqualiseRequest beyond = rows_of(2, 1);
    beyond.field_columns = {0, 3};
    CHECK_THROWS(std::invalid_argument, "field: expected", equalise(images, beyond, 1));
    EqualiseRequest far = rows_of(2, 1);
    far.rows.step = 5000.0;
    CHECK_THROWS(std::invalid_argument, "matrix: expected steps", equalise(images, far, 1));
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        for (const std::size_t at : {0, 3}) {
            std::vector<float> broken = {0, 1, 2, 3};
            broken[at] = bad;
            EqualiseRequest first = rows_of(2, 1);
            first.field_columns = {0, 1};  // the last pixel is outside the field
            CHECK_THROWS(std::domain_error, "expected finite values",
                         equalise({broken.data(), 2, 1, 2}, first, 1));
        }
    }
}

}  // namespace
