#include "check.hpp"

#include <cstdio>
#include <utility>
#include <vector>

namespace check {

namespace {

struct Test {
    const char* name;
    std::function<void()> body;
};

std::vector<Test>& tests() {
    static std::vector<Test> all;
    return all;
}

}  // namespace

int run_all() {
    int failed = 0;
    for (const Test& test : tests()) {
        try {
            test.body();
        } catch (const std::exception& error) {
            ++failed;
            std::printf("FAILED %s\n  %s\n", test.name, error.what());
        }
    }
    std::printf("%zu C++ tests, %d failed\n", tests().size(), failed);
    return failed == 0 && !tests().empty() ? 0 : 1;
}

Registration::Registration(const char* name, std::function<void()> body) {
    tests().push_back({name, std::move(body)});
}

}  // namespace check

int main() { return check::run_all(); }
