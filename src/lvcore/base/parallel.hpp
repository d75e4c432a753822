#pragma once

#include <cstddef>
#include <functional>

namespace lvcore {

/// Largest number of threads that may be asked for.
inline constexpr std::size_t kMaxThreads = 1024;

/// Calls `body(begin, end)` for consecutive runs of at most `grain` items that together cover
/// [0, count), on up to `threads` threads (0: one a hardware thread), the caller's among them.
///
/// The runs do not depend on the number of threads, so a body that writes only its own items gives
/// the same result for every number. The first exception thrown by a body is thrown again here,
/// after all threads have ended; runs not yet begun are then left out.
///
/// Threads live for one call: nothing global outlives it, and a process may fork at any time.
/// Starting one costs some 20 microseconds, so `grain` should hold more work than that.
///
/// @throws std::invalid_argument if `grain` is 0 or `threads` is above `kMaxThreads`.
void parallel_for(std::size_t count, std::size_t grain, std::size_t threads,
                  const std::function<void(std::size_t begin, std::size_t end)>& body);

}  // namespace lvcore
