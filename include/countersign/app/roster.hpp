#pragma once
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "countersign/app/people.hpp"
#include "countersign/app/ports.hpp"

namespace countersign::app {

// The newest policy and the chats' directories, joined into snapshots. For the I/O thread.
class Roster {
  public:
    explicit Roster(core::Duration age_max);
    void add_source(core::Surface surface, AccountSource& source);
    // Who is on call, where the policy asks for that.
    void set_on_call(AccountSource& source);
    void set_policy(std::shared_ptr<const core::Policy> policy);
    // Links and absences as the database had them at `now`. nullopt: as they were.
    void set_people(std::optional<PeopleNews> news, core::Instant now);
    // Says whether every chat has been reached: before, accounts cannot be told apart in full.
    bool complete() const;
    std::optional<std::int64_t> people_version() const { return people_version_; }
    // Says whether links were read lately enough to rely on.
    bool knows_people(core::Instant now) const {
        return people_read_at_ && now - *people_read_at_ <= people_age_max;
    }
    static constexpr core::Duration people_age_max = std::chrono::seconds{10};
    void trust(std::vector<std::string> domains);
    const std::vector<std::string>& trusted_domains() const { return trusted_; }
    core::Duration age_max() const { return age_max_; }
    // The newest snapshot; shared with database jobs, hence a pointer. Rebuilt only when a part changed.
    std::shared_ptr<const core::Directory> snapshot();
    // Refreshes what a vote of this account on this request rests on, where it is older than age_max.
    // Failing to is not an error here: the snapshot keeps its ages and `advance` refuses what is stale.
    Later<Done> ensure(core::AccountId account, std::vector<core::GroupId> groups, Deadline deadline);
    // Refreshes the chat groups an opening rests on, so that dead ends are seen.
    Later<Done> ensure_groups(std::vector<core::GroupId> groups, Deadline deadline);
    // Reads anew who is on call wherever the policy asks for it, where that is older than on_call_age: cards
    // and lists name people without asking.
    Later<Done> follow_on_call(Deadline deadline);
    static constexpr core::Duration on_call_age = std::chrono::minutes{1};
    // Says whether what a vote of this account on these groups rests on is younger than age_max at `now`.
    bool fresh(const core::AccountId& account, const std::vector<core::GroupId>& groups, core::Instant now);

    // The groups that a request asks for never change: remembered for the last remembered_max requests, so
    // that a vote need not read its request first.
    static constexpr std::size_t remembered_max = 20'000;
    void remember(core::RequestId request, const core::Applied& applied);
    const std::vector<core::GroupId>* remembered(core::RequestId request) const;

  private:
    struct Source {
        core::Surface surface;
        AccountSource* source;
    };
    void retie(core::Instant now);
    std::vector<std::string> chat_groups(const std::vector<core::GroupId>& groups, const Source& source);
    // What these groups, and the groups that they are made of, ask the on-call service.
    std::vector<std::string> on_call_keys(const std::vector<core::GroupId>& groups) const;
    Later<Done> ensure_on_call(std::vector<core::GroupId> groups, core::Duration age, Deadline deadline);

    core::Duration age_max_;
    std::vector<Source> sources_;
    AccountSource* on_call_ = nullptr;
    std::shared_ptr<const core::Policy> policy_;
    std::vector<std::string> trusted_;
    std::vector<core::Directory::Link> links_;
    std::vector<core::Absence> absences_;
    std::optional<core::Instant> next_return_;  // when the first of the absent is back
    std::optional<std::int64_t> people_version_;
    std::optional<core::Instant> people_read_at_;
    std::shared_ptr<const core::Directory::Ties> ties_;
    std::vector<std::shared_ptr<const core::Workspace>> built_from_;
    std::shared_ptr<const core::Directory> snapshot_;
    // shared: most requests ask for the same few groups as the one before them
    using Groups = std::shared_ptr<const std::vector<core::GroupId>>;
    std::unordered_map<core::RequestId, Groups> remembered_;
    Groups newest_groups_;
    std::deque<core::RequestId> remembered_order_;
};

}  // namespace countersign::app
