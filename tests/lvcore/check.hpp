#pragma once

#include <cmath>
#include <exception>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>

/// A minimal test framework for the C++ tests.
namespace check {

/// Thrown by a failed check; ends its test.
class Failure : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Registers a test before main runs.
struct Registration {
    Registration(const char* name, std::function<void()> body);
};

/// Runs every registered test, prints the failures, and returns the process's exit code.
int run_all();

template <class... Parts>
[[noreturn]] void fail(const char* file, int line, const Parts&... parts) {
    std::ostringstream text;
    text << file << ":" << line << ": ";
    (text << ... << parts);
    throw Failure(text.str());
}

/// Runs `body` and fails unless it throws an `Error` whose message contains `part`.
template <class Error, class Body>
void throws(const char* file, int line, const std::string& part, const Body& body) {
    try {
        body();
    } catch (const Error& error) {
        if (std::string(error.what()).find(part) == std::string::npos) {
            fail(file, line, "expected a message containing '", part, "', got '", error.what(),
                 "'");
        }
        return;
    }
    fail(file, line, "expected an exception about '", part, "'");
}

}  // namespace check

#define TEST(name)                                                   \
    static void name();                                              \
    static const check::Registration name##_registered(#name, name); \
    static void name()

#define CHECK(condition)                                                  \
    do {                                                                  \
        if (!(condition)) {                                               \
            check::fail(__FILE__, __LINE__, "check failed: " #condition); \
        }                                                                 \
    } while (false)

#define CHECK_NEAR(value, expected, tolerance)                                                  \
    do {                                                                                        \
        const double value_ = static_cast<double>(value);                                       \
        const double expected_ = static_cast<double>(expected);                                 \
        if (!(std::abs(value_ - expected_) <= (tolerance))) {                                   \
            check::fail(__FILE__, __LINE__, #value ": expected ", expected_, ", got ", value_); \
        }                                                                                       \
    } while (false)

#define CHECK_THROWS(Error, part, expression) \
    check::throws<Error>(__FILE__, __LINE__, part, [&] { static_cast<void>(expression); })
