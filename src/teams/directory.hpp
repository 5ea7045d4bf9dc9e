#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "countersign/app/look_ups.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/app/runtime.hpp"
#include "countersign/core/people.hpp"
#include "countersign/rt/signal.hpp"
#include "teams/connector.hpp"
#include "teams/references.hpp"

namespace countersign::teams {

// What Teams says about people, each fact with the time it was read at: rosters of teams and conversations,
// and single members. Keys are object ids of Entra; names and addresses tell nobody apart. For the I/O
// thread.
class TeamsDirectory {
  public:
    static constexpr std::size_t users_max = 100'000;   // remembered
    static constexpr std::size_t members_max = 25'000;  // of one roster, as teams may have
    static constexpr std::size_t rosters_max = 1'000;   // remembered
    static constexpr core::Duration viewers_age_max = std::chrono::hours{1};
    static constexpr core::Duration viewers_patience = std::chrono::seconds{2};
    static constexpr core::Duration viewers_again_after = std::chrono::minutes{5};  // a failure

    TeamsDirectory(const TeamsSettings& settings, Connector& connector, References& references,
                   const app::Runtime& runtime, app::Roster& roster, rt::asio::any_io_executor executor);

    // The tenant whose people these are; the first one counts.
    void home_is(std::string tenant);
    const std::string& home() const { return home_; }          // empty: not known yet
    std::shared_ptr<const core::Workspace> workspace() const;  // null before `home_is`
    Later<Done> refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                        core::Duration age_max, Deadline deadline);

    // Somebody acted as this object under this id, in that conversation: where to look them up. Where the
    // rosters told another id of them so far, or nothing when they were looked up elsewhere, what is known of
    // them counts as never read.
    void acted(const std::string& object, const std::string& mri, std::string_view conversation);
    // Members came or went.
    void changed(std::string_view conversation);
    // Ids ("29:…") of who sees a conversation; empty: more than teams_viewers_max, or not known.
    rt::asio::awaitable<std::vector<std::string>> viewers(std::string_view conversation, Deadline deadline);
    std::string mri_of(std::string_view object) const;  // empty: not known
    // The object with this id ("29:…"), which may be an object's id itself; empty: not known.
    std::string object_of(std::string_view id) const;

    // Reads rosters that votes may soon rest on again before they get old. Until `stop`.
    rt::asio::awaitable<void> keep_warm();
    rt::asio::awaitable<void> stop(core::Instant deadline);

  private:
    struct Seen {
        std::string mri;
        std::string conversation;
    };
    struct Viewers {
        std::vector<std::string> ids;
        bool too_many = false;
        core::Instant as_of;
    };

    Later<Done> fetch(const std::string& key);
    Later<Done> fetch_user(std::string object);
    Later<bool> fetch_member(std::string object, std::string id, std::string conversation);
    Later<Done> fetch_roster(std::string conversation);
    void keep_roster(const std::string& conversation, std::vector<wire::TeamsMember> members,
                     core::Instant as_of);
    void keep_users(std::vector<core::ChatUser> users);
    std::optional<core::Instant> as_of(const std::string& key) const;
    bool fresh(const std::string& key, core::Duration age_max) const;
    void doubt(const std::string& key);
    std::vector<std::string> policy_groups() const;
    std::vector<std::string> card_channels() const;
    std::string local_id(std::string_view id) const;
    std::size_t warm_up();

    const TeamsSettings& settings_;
    Connector& connector_;
    References& references_;
    const app::Runtime& runtime_;
    app::Roster& roster_;
    app::LookUps look_ups_;  // keys are "u:" and an object, "g:" and a conversation
    rt::Signal nudge_;
    std::string home_;
    std::unordered_map<std::string, Seen> seen_;            // by object: where they acted last
    std::unordered_map<std::string, std::string> mris_;     // by object, as rosters say
    std::unordered_map<std::string, std::string> objects_;  // the other way round
    std::unordered_map<std::string, Viewers> viewers_;      // by conversation
    core::Instant warm_not_before_{};
    bool stopped_ = false;
    core::ChatUsers users_;
    // shared: published snapshots share them
    std::unordered_map<std::string, std::shared_ptr<const core::ChatGroup>> groups_;
    // Built when asked for after a change, so that many changes make one snapshot.
    mutable std::shared_ptr<const core::Workspace> published_;
};

}  // namespace countersign::teams
