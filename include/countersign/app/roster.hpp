#pragma once
#include <memory>
#include <vector>

#include "countersign/app/ports.hpp"

namespace countersign::app {

// The newest policy and the chats' directories, joined into snapshots. For the I/O thread.
class Roster {
  public:
    explicit Roster(core::Duration age_max);
    void add_source(core::Surface surface, AccountSource& source);
    void set_policy(std::shared_ptr<const core::Policy> policy);
    core::Duration age_max() const { return age_max_; }
    // The newest snapshot; shared with database jobs, hence a pointer. Rebuilt only when a part changed.
    std::shared_ptr<const core::Directory> snapshot();
    // Refreshes what a vote of this account on this request rests on, where it is older than age_max.
    // Failing to is not an error here: the snapshot keeps its ages and `advance` refuses what is stale.
    Later<Done> ensure(const core::AccountId& account, const core::Applied& applied, Deadline deadline);
    // Refreshes the chat groups an opening rests on, so that dead ends are seen.
    Later<Done> ensure_groups(const core::Applied& applied, Deadline deadline);

  private:
    struct Source {
        core::Surface surface;
        AccountSource* source;
    };
    std::vector<std::string> chat_groups(const core::Applied& applied, core::Surface surface) const;

    core::Duration age_max_;
    std::vector<Source> sources_;
    std::shared_ptr<const core::Policy> policy_;
    std::vector<std::shared_ptr<const core::Workspace>> built_from_;
    std::shared_ptr<const core::Directory> snapshot_;
};

}  // namespace countersign::app
