#include "lvcore/base/parallel.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace lvcore {

namespace {

/// Joins its threads when it goes out of scope.
class ThreadGroup {
  public:
    ThreadGroup() = default;
    ThreadGroup(const ThreadGroup&) = delete;
    ThreadGroup& operator=(const ThreadGroup&) = delete;
    ~ThreadGroup() {
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

    /// Starts up to `count` threads; fewer if the system refuses more.
    void start(std::size_t count, const std::function<void()>& work) {
        threads_.reserve(count);
        try {
            for (std::size_t i = 0; i < count; ++i) {
                threads_.emplace_back(std::cref(work));
            }
        } catch (const std::system_error&) {
            // The running threads, at least the caller's, do the work of the missing ones.
        }
    }

  private:
    std::vector<std::thread> threads_;
};

}  // namespace

RunDealer::RunDealer(std::size_t count, std::size_t grain)
    : count_(count), grain_(grain), runs_(count / grain + (count % grain != 0 ? 1 : 0)) {}

std::optional<Range> RunDealer::next() {
    const std::size_t run = next_++;
    if (run >= runs_) {
        return std::nullopt;
    }
    const std::size_t begin = run * grain_;
    return Range{begin, begin + std::min(grain_, count_ - begin)};
}

void on_threads(std::size_t count, std::size_t grain, std::size_t threads,
                const std::function<void(RunDealer&)>& work) {
    if (grain == 0) {
        throw std::invalid_argument("grain: expected at least 1, got 0");
    }
    if (threads > kMaxThreads) {
        throw std::invalid_argument("threads: expected at most " + std::to_string(kMaxThreads) +
                                    ", got " + std::to_string(threads));
    }
    if (threads == 0) {
        threads = std::max<std::size_t>(1, std::thread::hardware_concurrency());
    }
    RunDealer dealer(count, grain);
    threads = std::min(threads, dealer.runs());

    std::exception_ptr failure;
    std::mutex failure_mutex;
    const std::function<void()> guarded = [&] {
        try {
            work(dealer);
        } catch (...) {
            const std::lock_guard lock(failure_mutex);
            if (!failure) {
                failure = std::current_exception();
            }
            dealer.stop();
        }
    };
    {
        ThreadGroup group;
        if (threads > 1) {
            group.start(threads - 1, guarded);
        }
        guarded();
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

void parallel_for(std::size_t count, std::size_t grain, std::size_t threads,
                  const std::function<void(std::size_t, std::size_t)>& body) {
    on_threads(count, grain, threads, [&](RunDealer& dealer) {
        while (const std::optional<Range> run = dealer.next()) {
            body(run->begin, run->end);
        }
    });
}

}  // namespace lvcore
