#include "lvcore/base/parallel.hpp"

#include <atomic>
#include <vector>

#include "check.hpp"

namespace {

TEST(every_item_is_visited_once_for_any_thread_count) {
    for (const std::size_t threads : std::vector<std::size_t>{0, 1, 2, 3, 7}) {
        for (const std::size_t count : std::vector<std::size_t>{0, 1, 5, 64, 1001}) {
            std::vector<std::atomic<int>> visits(count);
            lvcore::parallel_for(count, 5, threads, [&](std::size_t begin, std::size_t end) {
                CHECK(end - begin <= 5 && begin % 5 == 0);
                for (std::size_t i = begin; i < end; ++i) {
                    ++visits[i];
                }
            });
            for (const auto& n : visits) {
                CHECK(n == 1);
            }
        }
    }
}

TEST(an_exception_reaches_the_caller_from_any_thread) {
    for (const std::size_t threads : std::vector<std::size_t>{1, 2, 7}) {
        CHECK_THROWS(std::out_of_range, "run 40",
                     lvcore::parallel_for(100, 1, threads, [](std::size_t begin, std::size_t) {
                         if (begin == 40) {
                             throw std::out_of_range("run 40");
                         }
                     }));
    }
}

TEST(parallel_for_rejects_invalid_arguments) {
    const auto nothing = [](std::size_t, std::size_t) {};
    CHECK_THROWS(std::invalid_argument, "grain", lvcore::parallel_for(1, 0, 1, nothing));
    CHECK_THROWS(std::invalid_argument, "threads", lvcore::parallel_for(1, 1, 1025, nothing));
}

}  // namespace
