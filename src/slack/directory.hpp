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
#include "countersign/wire/slack_payload.hpp"
#include "slack/web_api.hpp"

namespace countersign::slack {

// What Slack says about people, each fact with the time it was read at. An outage only lets facts age; a
// change that Slack announces makes them old at once. For the I/O thread.
class SlackDirectory {
  public:
    static constexpr std::size_t users_max = 200'000;    // remembered
    static constexpr std::size_t warm_users_max = 200;   // kept fresh without being asked
    static constexpr std::size_t managers_max = 20'000;  // of so many people it is remembered who theirs is
    static constexpr core::Duration asked_lately = std::chrono::minutes{30};
    static constexpr core::Duration look_up_max = std::chrono::seconds{10};  // for one look-up

    // `manager_field`: as in SlackSettings; it must outlive this.
    SlackDirectory(WebApi& api, Workbench& workbench, const app::Runtime& runtime, app::Roster& roster,
                   const std::string& manager_field, rt::asio::any_io_executor executor);

    void connected_to(wire::SlackHome home);
    void app_is(std::string app);  // where auth.test did not say
    const std::optional<wire::SlackHome>& home() const { return home_; }
    std::shared_ptr<const core::Workspace> workspace() const;  // null before `connected_to`
    Later<Done> refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                        core::Duration age_max, Deadline deadline);
    void hear(const wire::SlackEvent& event);
    // Announcements may have been missed: nothing known counts as fresh any more.
    void doubt_all();
    // Looks known approvers up again before what is known of them gets old, so that a click rarely waits.
    // Until `stop`.
    rt::asio::awaitable<void> keep_warm();
    // Reads the whole list of users where trusted e-mail domains make it matter whose address is whose: at
    // first, every list_every, and after announcements may have been missed. Until `stop`.
    rt::asio::awaitable<void> keep_listed();
    static constexpr core::Duration list_every = std::chrono::hours{6};
    static constexpr core::Duration list_rest = std::chrono::minutes{10};  // between two lists at least
    static constexpr std::size_t groups_alone_max = 4;       // more groups than that are read with one call
    rt::asio::awaitable<void> stop(core::Instant deadline);  // ends look-ups too
    // What an admin should know; empty: nothing.
    std::string note() const;
    // The one user who is called that, by their handle or the name that others see, as the chat last said it.
    // nullopt: nobody, or several are.
    std::optional<std::string> called(std::string_view name) const;

  private:
    Later<Done> fetch(std::string key);
    Later<Done> fetch_user(std::string id);
    Later<Done> fetch_group(std::string id);
    Later<Done> fetch_manager(std::string id);
    static bool is_manager_key(std::string_view key);
    // An answer that lacks what was asked for.
    static Failure says_nothing(Method method, std::string_view of_what);
    void doubt_manager_of(const std::string& user);
    bool holds_manager(const core::Value& profile, core::ChatGroup& group) const;
    Later<Done> fetch_group_flags(Deadline deadline);
    Later<Done> fetch_all_groups();
    Later<Done> list_users();
    std::string look_up_of(const std::string& key) const;
    const std::vector<std::string>& policy_groups() const;
    void keep_user(core::ChatUser user);
    void keep_group(core::ChatGroup group);
    bool fresh(const std::string& key, core::Duration age_max) const;
    std::optional<core::Instant> as_of(const std::string& key) const;
    void doubt(const std::string& key);
    void doubt_again(const std::string& key);  // what a look-up brought
    void hear_user(const core::Value& user);
    std::vector<std::string> wanted() const;
    std::vector<std::string> policy_people() const;
    enum class Warmed : std::uint8_t { all, some, none_now };
    // Starts look-ups that nobody waits for, as far as they leave room for those that a vote waits for.
    Warmed warm_up();
    static Method method_of(const std::string& key);
    // What must not stand before a vote's own look-ups goes at four fifths of the documented rates.
    bool may_spare(Method method);
    // Takes note of a person of whom Slack does not say whether they are a full member.
    void watch_flags(const core::Value& user, const core::ChatUser& known);
    std::string local_id(std::string_view id) const;

    WebApi& api_;
    Workbench& workbench_;
    const app::Runtime& runtime_;
    app::Roster& roster_;
    const std::string& manager_field_;
    std::size_t managers_ = 0;  // remembered
    Pacer spare_{Pacer::Mode::strict};
    app::LookUps look_ups_;  // keys are "U…" of a person, "S…" of a group, prefixed u: or g:
    rt::Signal nudge_;
    rt::Signal stopping_;
    std::optional<wire::SlackHome> home_;
    std::unordered_map<std::string, core::Instant> asked_;  // users asked for, and when last
    struct GroupFlags {
        std::string handle;
        bool enabled = true;
    };
    std::unordered_map<std::string, GroupFlags> group_flags_;
    core::Instant group_flags_as_of_{};
    core::Instant warm_not_before_{};
    core::Instant groups_alone_until_{};  // the list of all groups is too big to be read at once
    std::optional<core::Instant> listed_at_;
    // What policy_groups worked out, and from which policy.
    mutable std::shared_ptr<const core::Policy> groups_from_;
    mutable std::vector<std::string> policy_groups_;
    // Why people, groups and managers could not be looked up the last time; empty: they could.
    std::string people_note_;
    std::string groups_note_;
    std::string managers_note_;
    std::string unsaid_;  // which of a person's flags Slack does not tell; empty: none that is missing
    bool stopped_ = false;
    core::ChatUsers users_;
    // shared: published snapshots share them
    std::unordered_map<std::string, std::shared_ptr<const core::ChatGroup>> groups_;
    core::Instant doubted_before_{};  // announcements may have been missed until then
    // Built when asked for after a change, so that many changes make one snapshot.
    mutable std::shared_ptr<const core::Workspace> published_;
};

}  // namespace countersign::slack
