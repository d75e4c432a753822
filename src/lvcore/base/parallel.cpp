#include "lvcore/base/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace lvcore {

namespace {

/// Joins its threads when it goes out of scope, whatever the reason.
class Crew {
  public:
    Crew() = default;
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;
    ~Crew() {
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

    /// Starts up to `count` threads; fewer where the system gives no more.
    void start(std::size_t count, const std::function<void()>& work) {
        threads_.reserve(count);
        try {
            for (std::size_t i = 0; i < count; ++i) {
                threads_.emplace_back(std::cref(work));
            }
        } catch (const std::system_error&) {
            // The threads at hand, the caller's at least, take over the missing one's share.
        }
    }

  private:
    std::vector<std::thread> threads_;
};

}  // namespace

void parallel_for(std::size_t count, std::size_t grain, std::size_t threads,
                  const std::function<void(std::size_t, std::size_t)>& body) {
    if (grain == 0) {
        throw std::invalid_argument("grain: expected at least 1, got 0");
    }
    if (threads > kMaxThreads) {
        throw std::invalid_argument("threads: expected at most " + std::to_string(kMaxThreads) +
                                    ", got " + std::to_string(threads));
    }
    const std::size_t runs = count / grain + (count % grain != 0 ? 1 : 0);
    if (threads == 0) {
        threads = std::max<std::size_t>(1, std::thread::hardware_concurrency());
    }
    threads = std::min(threads, runs);

    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_mutex;
    const std::function<void()> work = [&] {
        for (std::size_t run = next++; run < runs; run = next++) {
            try {
                const std::size_t begin = run * grain;
                body(begin, begin + std::min(grain, count - begin));
            } catch (...) {
                const std::lock_guard lock(failure_mutex);
                if (!failure) {
                    failure = std::current_exception();
                }
                next = runs;
            }
        }
    };
    {
        Crew crew;
        if (threads > 1) {
            crew.start(threads - 1, work);
        }
        work();
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

}  // namespace lvcore
