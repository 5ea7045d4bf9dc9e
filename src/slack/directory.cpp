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

constexpr core::Duration list_page_max = std::chrono::minutes{5};  // with the wait for its turn
constexpr core::Duration warm_every = std::chrono::seconds{5};
constexpr core::Duration warm_rest = std::chrono::seconds{20};  // after a failure

std::string user_key(std::string_view id) {
    return "u:" + std::string(id);
}
std::string group_key(std::string_view id) {
    return "g:" + std::string(id);
}
constexpr std::string_view all_groups = "g:*";
constexpr std::size_t users_per_page = 500;
constexpr std::size_t user_pages_max = 1'000;

std::size_t items_of(const Value& answer, std::string_view name) {
    const auto* items = answer[name].items();
    return items ? items->size() : 0;
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
                 .fetch = [this](std::string key) { return fetch(std::move(key)); },
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

// Those whom the policy lists with an account of this workspace.
std::vector<std::string> SlackDirectory::policy_people() const {
    std::vector<std::string> ids;
    auto directory = roster_.snapshot();
    if (!directory || !directory->policy_ptr()) return ids;
    for (const auto& person : directory->policy().people)
        for (const core::AccountId& account : person.accounts) {
            auto its = core::parts(account);
            if (its.kind == "slack" && (its.workspace.empty() || its.workspace == home_->team))
                ids.emplace_back(its.id);
        }
    return ids;
}

// Reading a group is rationed by the minute (Tier 2): many are read together.
std::string SlackDirectory::look_up_of(const std::string& key) const {
    const bool together = key.starts_with('g') && !is_manager_key(key) &&
                          runtime_.now() >= groups_alone_until_ && policy_groups().size() > groups_alone_max;
    return together ? std::string{all_groups} : key;
}

Later<Done> SlackDirectory::fetch(std::string key) {
    auto id = key.substr(2);
    Result<Done> fetched = Done{};
    if (key == all_groups)
        fetched = co_await fetch_all_groups();
    else if (is_manager_key(key))
        fetched = co_await fetch_manager(std::move(id));
    else if (key.starts_with('u'))
        fetched = co_await fetch_user(std::move(id));
    else
        fetched = co_await fetch_group(std::move(id));
    if (is_manager_key(key)) co_return fetched;
    const bool person = key.starts_with('u');
    auto& note = person ? people_note_ : groups_note_;
    note.clear();
    if (!fetched)
        note = std::string(person ? "people" : "user groups") +
               " cannot be looked up: " + fetched.error().detail;
    co_return fetched;
}

std::string SlackDirectory::note() const {
    for (const std::string* note : {&unsaid_, &people_note_, &groups_note_, &managers_note_})
        if (!note->empty()) return *note;
    return {};
}

Failure SlackDirectory::says_nothing(Method method, std::string_view of_what) {
    return {Trouble::unavailable,
            std::string(facts(method).name) + " does not say " + std::string(of_what),
            {},
            {}};
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
    // An answer without what was asked for is none: nobody is taken for somebody who is not there.
    if (answer && (*answer)["user"]["id"].text().empty())
        co_return std::unexpected(says_nothing(Method::users_info, "who " + visible(id) + " is"));
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
    const std::string missing = join(wire::unsaid_flags(user), ", ");
    const bool unsaid = known.klass == core::AccountClass::unknown && !missing.empty();
    if (!unsaid && known.klass != core::AccountClass::member) return;
    std::string said;
    if (unsaid)
        said = "users.info does not say " + missing + " of " + visible(known.id) +
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

// Whom a vote may soon rest on: who voted lately, the members of the policy's groups, and its people. Short
// lists come first, so that a group with a thousand members leaves nobody else's unknown.
std::vector<std::string> SlackDirectory::wanted() const {
    std::vector<std::string> keys;
    std::vector<std::vector<std::string>> lists;
    for (const std::string& id : policy_groups()) {
        keys.push_back(group_key(id));
        if (auto known = groups_.find(id); known != groups_.end()) lists.push_back(known->second->members);
    }
    lists.push_back(policy_people());
    std::ranges::sort(lists, {}, [](const auto& list) { return list.size(); });
    std::vector<std::string> voters;
    const auto now = runtime_.now();
    for (const auto& [id, at] : asked_)
        if (now - at < asked_lately) voters.push_back(id);
    lists.insert(lists.begin(), std::move(voters));
    std::set<std::string> users;
    for (const auto& list : lists)
        for (const std::string& id : list)
            if (users.size() < warm_users_max) users.insert(id);
    for (const std::string& id : users) keys.push_back(user_key(id));
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
