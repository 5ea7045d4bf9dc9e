#include "slack/directory.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/groups.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::slack {

using core::Value;

namespace {

constexpr core::Duration look_up_max = std::chrono::seconds{10};
constexpr core::Duration list_page_max = std::chrono::minutes{5};  // with the wait for its turn
constexpr core::Duration warm_every = std::chrono::seconds{5};
constexpr core::Duration warm_rest = std::chrono::seconds{20};  // after a failure
constexpr core::Duration group_flags_age_max = std::chrono::minutes{1};

std::string user_key(std::string_view id) {
    return "u:" + std::string(id);
}
std::string group_key(std::string_view id) {
    return "g:" + std::string(id);
}
constexpr std::string_view all_groups = "g:*";
constexpr core::Duration groups_alone_for = std::chrono::hours{1};
constexpr std::size_t users_per_page = 500;
constexpr std::size_t user_pages_max = 1'000;

std::size_t items_of(const Value& answer, std::string_view name) {
    const auto* items = answer[name].items();
    return items ? items->size() : 0;
}

std::vector<core::ChatGroup> read_groups(const Value& answer, core::Instant as_of) {
    std::vector<core::ChatGroup> groups;
    const auto* items = answer["usergroups"].items();
    if (!items) return groups;
    for (const Value& item : *items) {
        core::ChatGroup group{.id = std::string(item["id"].text()),
                              .handle = std::string(item["handle"].text()),
                              .members = {},
                              .enabled = item["date_delete"].whole() == 0 && !item["is_external"].truth(),
                              .as_of = as_of};
        if (const auto* users = item["users"].items())
            for (const Value& user : *users) group.members.emplace_back(user.text());
        std::ranges::sort(group.members);
        groups.push_back(std::move(group));
    }
    return groups;
}

}  // namespace

SlackDirectory::SlackDirectory(WebApi& api, Workbench& workbench, const app::Runtime& runtime,
                               app::Roster& roster, const std::string& manager_field,
                               rt::asio::any_io_executor executor)
    : api_(api),
      workbench_(workbench),
      runtime_(runtime),
      roster_(roster),
      manager_field_(manager_field),
      look_ups_(runtime,
                {.area = "slack",
                 .chat = "Slack",
                 .fetch = [this](std::string key) { return fetch(key); },
                 .doubt = [this](const std::string& key) { doubt_again(key); },
                 .failed = [this] { warm_not_before_ = runtime_.now() + warm_rest; }},
                executor),
      nudge_(executor),
      stopping_(executor) {}

void SlackDirectory::connected_to(wire::SlackHome home) {
    if (home_ && home_->team != home.team) {
        users_ = {};
        groups_.clear();
    }
    home_ = std::move(home);
    groups_from_.reset();
    published_.reset();
    nudge_.notify_all();
}

void SlackDirectory::app_is(std::string app) {
    if (home_ && home_->app.empty()) home_->app = std::move(app);
}

std::shared_ptr<const core::Workspace> SlackDirectory::workspace() const {
    if (!home_) return nullptr;
    if (!published_)
        published_ =
            std::make_shared<const core::Workspace>(core::Workspace{.surface = "slack",
                                                                    .id = home_->team,
                                                                    .users = users_,
                                                                    .groups = groups_,
                                                                    .doubted_before = doubted_before_});
    return published_;
}

// "U1" of "U1" and of "T0SIM/U1"; empty when the id is another workspace's.
std::string SlackDirectory::local_id(std::string_view id) const {
    auto slash = id.find('/');
    if (slash == id.npos) return std::string(id);
    if (!home_ || id.substr(0, slash) != home_->team) return {};
    return std::string(id.substr(slash + 1));
}

std::optional<core::Instant> SlackDirectory::as_of(const std::string& key) const {
    auto id = key.substr(2);
    std::optional<core::Instant> at;
    if (key.starts_with('u')) {
        if (const auto* user = users_.find(id)) at = user->as_of;
    } else if (auto it = groups_.find(id); it != groups_.end()) {
        at = it->second->as_of;
    }
    if (at && *at < doubted_before_) at = core::Instant{};
    return at;
}

bool SlackDirectory::fresh(const std::string& key, core::Duration age_max) const {
    auto at = as_of(key);
    return at && runtime_.now() - *at <= age_max;
}

Later<Done> SlackDirectory::refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                                    core::Duration age_max, Deadline deadline) {
    if (!home_) co_return fail(Trouble::unavailable, "Slack was not reached yet");
    std::vector<std::string> keys;
    if (account) {
        auto its = core::parts(*account);
        bool ours = its.kind == "slack" && (its.workspace.empty() || its.workspace == home_->team);
        if (ours && !its.id.empty()) {
            keys.push_back(user_key(its.id));
            if (asked_.size() >= users_max) asked_.clear();
            asked_[std::string(its.id)] = runtime_.now();
        }
    }
    for (const std::string& group : groups)
        if (auto id = local_id(group); !id.empty()) keys.push_back(group_key(id));
    std::erase_if(keys, [&](const std::string& key) { return fresh(key, age_max); });
    for (std::string& key : keys) key = look_up_of(key);
    co_return co_await look_ups_.finish(std::move(keys), deadline);
}

// The policy's groups of this workspace.
const std::vector<std::string>& SlackDirectory::policy_groups() const {
    auto policy = roster_.snapshot()->policy_ptr();
    if (policy == groups_from_) return policy_groups_;
    groups_from_ = policy;
    policy_groups_.clear();
    for (const auto& group : policy->groups) {
        const auto* kept = std::get_if<core::GroupRecord::InChat>(&group.members);
        const bool in_slack = kept != nullptr && kept->chat == core::Surface::slack;
        if (auto id = in_slack ? local_id(kept->id) : std::string{}; !id.empty())
            policy_groups_.push_back(std::move(id));
    }
    return policy_groups_;
}

// Reading a group is rationed by the minute (Tier 2): many are read together.
std::string SlackDirectory::look_up_of(const std::string& key) const {
    const bool together = key.starts_with('g') && !is_manager_key(key) &&
                          runtime_.now() >= groups_alone_until_ && policy_groups().size() > groups_alone_max;
    return together ? std::string{all_groups} : key;
}

Later<Done> SlackDirectory::fetch(const std::string& key) {
    auto id = key.substr(2);
    if (key == all_groups) return fetch_all_groups();
    if (is_manager_key(key)) return fetch_manager(std::move(id));
    return key.starts_with('u') ? fetch_user(std::move(id)) : fetch_group(std::move(id));
}

void SlackDirectory::doubt_again(const std::string& key) {
    if (key != all_groups) return doubt(key);
    for (const std::string& id : policy_groups()) doubt(group_key(id));
}

Later<Done> SlackDirectory::fetch_user(std::string id) {
    auto asked_at = runtime_.now();  // what comes back is at least as new as the question
    auto arguments = Value::object({{"user", id}});
    auto answer = co_await api_.call(Method::users_info, std::move(arguments), {}, {asked_at + look_up_max});
    if (!answer && answer.error().trouble != Trouble::not_found) co_return pass(answer);
    if (!answer ||
        (*answer)["user"]["id"].text() != id) {  // not there, or somebody else: nobody we may count
        keep_user(
            {.id = id, .klass = core::AccountClass::unknown, .name = {}, .email = {}, .as_of = asked_at});
        co_return Done{};
    }
    auto known = wire::read_slack_user((*answer)["user"], *home_, asked_at);
    watch_flags((*answer)["user"], known);
    keep_user(std::move(known));
    co_return Done{};
}

void SlackDirectory::watch_flags(const Value& user, const core::ChatUser& known) {
    std::string missing;
    for (std::string_view flag : {"deleted", "is_bot", "is_restricted", "is_ultra_restricted"})
        if (user[flag].boolean() == nullptr) missing += (missing.empty() ? "" : ", ") + std::string(flag);
    const bool unsaid = known.klass == core::AccountClass::unknown && !missing.empty();
    if (!unsaid && known.klass != core::AccountClass::member) return;
    std::string said;
    if (unsaid)
        said = "slack: users.info does not say " + missing + " of " + visible(known.id) +
               ": nobody of whom Slack does not say all of these can vote";
    if (unsaid && unsaid_.empty()) log::error("slack", "{}", said);
    if (!unsaid && !unsaid_.empty()) log::info("slack", "users.info says again who is a full member");
    unsaid_ = std::move(said);
}

std::optional<std::string> SlackDirectory::called(std::string_view name) const {
    const auto wanted = lower_ascii(name);
    std::optional<std::string> found;
    bool several = false;
    for (const bool by_handle : {true, false}) {
        users_.each([&](const core::ChatUser& user) {
            if (lower_ascii(by_handle ? user.handle : user.name) != wanted) return;
            several = several || found.has_value();
            found = user.id;
        });
        if (found) break;
    }
    return several ? std::nullopt : found;
}

Later<Done> SlackDirectory::fetch_group(std::string id) {
    auto asked_at = runtime_.now();
    Deadline deadline{asked_at + look_up_max};
    auto arguments = Value::object({{"usergroup", id}});
    auto answer = co_await api_.call(Method::usergroup_users, std::move(arguments), {}, deadline);
    core::ChatGroup group{.id = id, .handle = {}, .members = {}, .enabled = false, .as_of = asked_at};
    if (!answer && answer.error().trouble != Trouble::not_found) {
        if (answer.error().code == "missing_scope" || answer.error().code == "plan_upgrade_required")
            note_ = "slack: user groups cannot be read: " + answer.error().detail;
        co_return pass(answer);
    }
    if (answer) {
        if (asked_at - group_flags_as_of_ > group_flags_age_max) co_await fetch_group_flags(deadline);
        auto flags = group_flags_.find(id);
        group.enabled = flags == group_flags_.end() || flags->second.enabled;
        if (flags != group_flags_.end()) group.handle = flags->second.handle;
        if (const auto* users = (*answer)["users"].items())
            for (const Value& user : *users) group.members.emplace_back(user.text());
        std::ranges::sort(group.members);
    }
    keep_group(std::move(group));
    co_return Done{};
}

Later<Done> SlackDirectory::fetch_all_groups() {
    auto asked_at = runtime_.now();
    auto arguments = Value::object({{"include_disabled", true}, {"include_users", true}});
    auto answer = co_await api_.call(Method::usergroups, std::move(arguments), {}, {asked_at + look_up_max});
    if (!answer) {
        if (answer.error().trouble == Trouble::too_large) groups_alone_until_ = asked_at + groups_alone_for;
        if (answer.error().code == "missing_scope" || answer.error().code == "plan_upgrade_required")
            note_ = "slack: user groups cannot be read: " + answer.error().detail;
        co_return pass(answer);
    }
    using Groups = std::vector<core::ChatGroup>;
    const bool big = items_of(*answer, "usergroups") > items_here_max / 10;  // each with its members
    Workbench::Job<Groups> read = [all = std::move(*answer), asked_at](Bench&) -> Result<Groups> {
        return read_groups(all, asked_at);
    };
    auto groups = co_await work<Groups>(workbench_, big, std::move(read));
    if (!groups) co_return pass(groups);
    // Only those that somebody asks about are kept; one that is not there any more authorises nobody.
    std::set<std::string> wanted;
    wanted.insert(policy_groups().begin(), policy_groups().end());
    for (auto& group : *groups)
        if (wanted.erase(group.id) > 0) keep_group(std::move(group));
    for (const std::string& id : wanted)
        keep_group({.id = id, .handle = {}, .members = {}, .enabled = false, .as_of = asked_at});
    co_return Done{};
}

// Which groups are switched off or another organisation's: these authorise nobody.
Later<Done> SlackDirectory::fetch_group_flags(Deadline deadline) {
    auto asked_at = runtime_.now();
    auto arguments = Value::object({{"include_disabled", true}});
    auto answer = co_await api_.call(Method::usergroups, std::move(arguments), {}, deadline);
    if (!answer) co_return pass(answer);
    group_flags_.clear();
    group_flags_as_of_ = asked_at;
    if (const auto* groups = (*answer)["usergroups"].items())
        for (const Value& group : *groups) {
            bool deleted = group["date_delete"].whole() != 0;
            bool external = group["is_external"].truth();
            group_flags_[std::string(group["id"].text())] = {std::string(group["handle"].text()),
                                                             !deleted && !external};
        }
    co_return Done{};
}

void SlackDirectory::keep_user(core::ChatUser user) {
    if (users_.size() >= users_max && !users_.find(user.id)) users_ = {};
    users_.put(std::move(user));
    published_.reset();
}

void SlackDirectory::keep_group(core::ChatGroup group) {
    auto id = group.id;
    groups_[id] = std::make_shared<const core::ChatGroup>(std::move(group));
    published_.reset();
}

void SlackDirectory::doubt(const std::string& key) {
    look_ups_.again(look_up_of(key));
    auto id = key.substr(2);
    if (const auto* known = users_.find(id); key.starts_with('u') && known) {
        auto user = *known;
        user.as_of = core::Instant{};
        keep_user(std::move(user));
    }
    if (auto it = groups_.find(id); key.starts_with('g') && it != groups_.end()) {
        auto group = *it->second;
        group.as_of = core::Instant{};
        keep_group(std::move(group));
    }
    nudge_.notify_all();
}

void SlackDirectory::doubt_all() {
    // What is asked for right now may be answered from before.
    look_ups_.all_again();
    doubted_before_ = runtime_.now();
    group_flags_as_of_ = {};
    published_.reset();
    nudge_.notify_all();
}

// Sent for trifles too (a new status line). Only what matters to a vote makes us look again.
void SlackDirectory::hear_user(const Value& user) {
    if (!home_) return;
    doubt_manager_of(std::string(user["id"].text()));
    const auto* known = users_.find(user["id"].text());
    if (!known && !listed_at_) return;
    // What was said takes effect at once, and counts as never read: a vote makes us ask.
    auto said = wire::read_slack_user(user, *home_, core::Instant{});
    if (known && said.klass == known->klass && said.email == known->email) return;
    auto key = user_key(said.id);
    keep_user(std::move(said));
    doubt(key);
}

void SlackDirectory::hear(const wire::SlackEvent& event) {
    const Value& said = event.event;
    if (event.type == "user_change" || event.type == "team_join") return hear_user(said["user"]);
    if (event.type == "subteam_members_changed") {
        doubt(group_key(said["subteam_id"].text()));
    } else if (event.type == "subteam_updated" || event.type == "subteam_created") {
        group_flags_as_of_ = {};
        doubt(group_key(said["subteam"]["id"].text()));
    }
}

// Whom a vote may soon rest on: the policy's people and groups, their members, and who voted lately.
std::vector<std::string> SlackDirectory::wanted() const {
    std::set<std::string> users;
    std::vector<std::string> keys;
    auto now = runtime_.now();
    for (const auto& [id, at] : asked_)
        if (now - at < asked_lately) users.insert(id);
    auto directory = roster_.snapshot();
    if (directory && directory->policy_ptr()) {
        for (const auto& person : directory->policy().people)
            for (const core::AccountId& account : person.accounts) {
                auto its = core::parts(account);
                if (its.kind == "slack" && (its.workspace.empty() || its.workspace == home_->team))
                    users.insert(std::string(its.id));
            }
    }
    for (const std::string& id : policy_groups()) {
        keys.push_back(group_key(id));
        if (users.size() > warm_users_max) continue;
        if (auto known = groups_.find(id); known != groups_.end())
            users.insert(known->second->members.begin(), known->second->members.end());
    }
    for (const std::string& id : users) {
        if (keys.size() >= warm_users_max + policy_groups().size()) break;
        keys.push_back(user_key(id));
    }
    return keys;
}

Method SlackDirectory::method_of(const std::string& key) {
    if (key == all_groups) return Method::usergroups;
    if (is_manager_key(key)) return Method::users_profile;
    return key.starts_with('u') ? Method::users_info : Method::usergroup_users;
}

bool SlackDirectory::may_spare(Method method) {
    const auto per_minute = facts(method).per_minute;
    const Pacer::Rate rate{per_minute * 4 / 5, per_minute / 5};
    const auto now = runtime_.now();
    return api_.open_now(method) && spare_.take(facts(method).name, {}, rate, now, now).has_value();
}

SlackDirectory::Warmed SlackDirectory::warm_up() {
    constexpr std::size_t at_once_max = 8;
    if (!home_ || runtime_.now() < warm_not_before_) return Warmed::all;
    auto warmed = Warmed::all;
    for (const std::string& key : wanted()) {
        if (look_ups_.size() >= at_once_max) break;
        auto known = as_of(key);
        if (known && runtime_.now() - *known < roster_.age_max() * 6 / 10) continue;
        const auto look_up = look_up_of(key);
        if (look_ups_.under_way(look_up)) continue;
        const bool started = may_spare(method_of(look_up)) && look_ups_.start(look_up);
        if (started) warmed = Warmed::some;
        if (!started && warmed == Warmed::all) warmed = Warmed::none_now;
    }
    return warmed;
}

rt::asio::awaitable<void> SlackDirectory::keep_warm() {
    while (!stopped_) {
        core::Duration wait = warm_every;
        switch (warm_up()) {
            case Warmed::some:
                wait = std::chrono::milliseconds{200};
                break;
            case Warmed::none_now:
                wait = std::chrono::seconds{1};
                break;
            case Warmed::all:
                break;
        }
        co_await nudge_.wait_until(runtime_.timers, runtime_.now() + wait);
    }
}

// ---- the list of all users

Later<Done> SlackDirectory::list_users() {
    std::string cursor;
    for (std::size_t page = 0; page < user_pages_max && !stopped_; ++page) {
        auto arguments = Value::object({{"limit", users_per_page}});
        if (!cursor.empty()) arguments.set("cursor", cursor);
        auto answer = co_await api_.call(Method::users_list, std::move(arguments), {},
                                         {runtime_.now() + list_page_max});
        if (!answer) co_return pass(answer);
        cursor = (*answer)["response_metadata"]["next_cursor"].text();
        using Users = std::vector<core::ChatUser>;
        const bool big = items_of(*answer, "members") > items_here_max;
        // A list may come from a cache of Slack's: who votes is asked about again.
        Workbench::Job<Users> read = [all = std::move(*answer), home = *home_](Bench&) -> Result<Users> {
            Users users;
            if (const auto* members = all["members"].items())
                for (const Value& member : *members)
                    users.push_back(wire::read_slack_user(member, home, core::Instant{}));
            return users;
        };
        auto users = co_await work<Users>(workbench_, big, std::move(read));
        if (!users) co_return pass(users);
        std::erase_if(*users, [&](const core::ChatUser& said) {
            const auto* known = users_.find(said.id);
            return known && known->klass == said.klass && known->email == said.email;
        });
        if (users_.size() + users->size() > users_max)
            co_return fail(Trouble::too_large, "the workspace has more users than are remembered here");
        if (!users->empty()) {
            users_.put(std::move(*users));
            published_.reset();
        }
        if (cursor.empty()) break;
    }
    co_return Done{};
}

rt::asio::awaitable<void> SlackDirectory::keep_listed() {
    while (!stopped_) {
        auto now = runtime_.now();
        const bool wanted = !roster_.trusted_domains().empty();
        const bool due = !listed_at_ || now - *listed_at_ >= list_every || *listed_at_ < doubted_before_;
        if (wanted && due) {
            auto listed = co_await list_users();
            if (listed)
                listed_at_ = now;
            else
                log::warn("slack", "the list of users was not read to its end: {}", listed.error().detail);
        }
        co_await stopping_.wait_until(runtime_.timers, runtime_.now() + list_rest);
    }
}

rt::asio::awaitable<void> SlackDirectory::stop(core::Instant deadline) {
    stopped_ = true;
    nudge_.notify_all();
    stopping_.notify_all();
    co_await look_ups_.end(deadline);
}

}  // namespace countersign::slack
