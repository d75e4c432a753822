#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace lvcore {

/// Memory that threads borrow: there come to be as many workspaces as are in use at once.
template <class Workspace>
class Workspaces {
  public:
    /// Calls `use` with a workspace nobody else has, made by `make` if all are lent.
    template <class Make, class Use>
    void borrow(const Make& make, const Use& use) {
        std::unique_ptr<Workspace> workspace = take();
        if (!workspace) {
            workspace = std::make_unique<Workspace>(make());
        }
        use(*workspace);
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(workspace));
    }

  private:
    std::unique_ptr<Workspace> take() {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) {
            return nullptr;
        }
        std::unique_ptr<Workspace> workspace = std::move(idle_.back());
        idle_.pop_back();
        return workspace;
    }

    std::mutex mutex_;
    std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace lvcore
