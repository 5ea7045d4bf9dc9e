#include "teams/directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/direct.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/wire/teams_card.hpp"

namespace countersign::teams {

using core::Value;
using rt::asio::awaitable;

namespace {

constexpr core::Duration look_up_max = std::chrono::seconds{15};
constexpr core::Duration warm_every = std::chrono::seconds{5};
constexpr core::Duration warm_rest = std::chrono::seconds{20};  // after a failure
constexpr std::size_t page_size = 500;
constexpr std::size_t channels_asked_max = 16;  // for one person, beside the groups of the policy

std::string user_key(std::string_view object) {
    return "u:" + std::string(object);
}
std::string group_key(std::string_view conversation) {
    return "g:" + std::string(conversation);
}
bool absent(const Failure& failure) {
    return failure.trouble == Trouble::not_found || failure.trouble == Trouble::forbidden ||
           failure.trouble == Trouble::invalid_input;
}

}  // namespace

TeamsDirectory::TeamsDirectory(const TeamsSettings& settings, Connector& connector, References& references,
                               const app::Runtime& runtime, app::Roster& roster,
                               rt::asio::any_io_executor executor)
    : settings_(settings),
      connector_(connector),
      references_(references),
      runtime_(runtime),
      roster_(roster),
      look_ups_(runtime,
                {.area = "teams",
                 .chat = "Teams",
                 .fetch = [this](std::string key) { return fetch(key); },
                 .doubt = [this](const std::string& key) { doubt(key); },
                 .failed = [this] { warm_not_before_ = runtime_.now() + warm_rest; }},
                executor),
      nudge_(executor),
      home_(settings.tenant) {}

void TeamsDirectory::home_is(std::string tenant) {
    if (!home_.empty() || tenant.empty()) return;
    log::info("teams", "the organisation's tenant is {}", visible(tenant));
    home_ = std::move(tenant);
    published_.reset();
    nudge_.notify_all();
}

std::shared_ptr<const core::Workspace> TeamsDirectory::workspace() const {
    if (home_.empty()) return nullptr;
    if (!published_)
        published_ = std::make_shared<const core::Workspace>(
            core::Workspace{.surface = "teams", .id = home_, .users = users_, .groups = groups_});
    return published_;
}

// "19:a" of "19:a" and of "tenant/19:a"; empty when the id is another tenant's.
std::string TeamsDirectory::local_id(std::string_view id) const {
    auto slash = id.find('/');
    if (slash == id.npos) return std::string(id);
    return lower_ascii(id.substr(0, slash)) == home_ ? std::string(id.substr(slash + 1)) : std::string{};
}

std::vector<std::string> TeamsDirectory::policy_groups() const {
    std::vector<std::string> ids;
    for (const auto& group : roster_.snapshot()->policy().groups) {
        const auto* kept = std::get_if<core::GroupRecord::InChat>(&group.members);
        if (kept == nullptr || kept->chat != core::Surface::teams) continue;
        if (auto id = local_id(kept->id); !id.empty()) ids.push_back(std::move(id));
    }
    return ids;
}

// The channels that cards are sent to: whoever votes is in one of them, whatever this process has seen.
std::vector<std::string> TeamsDirectory::card_channels() const {
    std::vector<std::string> ids;
    auto add = [&](const std::string& channel) {
        auto id = local_id(channel);
        const bool known = id.empty() || std::ranges::find(ids, id) != ids.end();
        if (!known && ids.size() < channels_asked_max) ids.push_back(std::move(id));
    };
    if (!settings_.channel.empty()) add(settings_.channel);
    for (const auto& rule : roster_.snapshot()->policy().rules) {
        std::ranges::for_each(core::channels_of(rule.notify, core::Surface::teams), add);
        if (rule.escalate)
            std::ranges::for_each(core::channels_of(rule.escalate->to, core::Surface::teams), add);
    }
    return ids;
}

// ---- how old what is known is

std::optional<core::Instant> TeamsDirectory::as_of(const std::string& key) const {
    auto id = key.substr(2);
    if (key.starts_with('u')) {
        const auto* user = users_.find(id);
        return user ? std::optional{user->as_of} : std::nullopt;
    }
    auto group = groups_.find(id);
    return group == groups_.end() ? std::nullopt : std::optional{group->second->as_of};
}

bool TeamsDirectory::fresh(const std::string& key, core::Duration age_max) const {
    auto at = as_of(key);
    return at && runtime_.now() - *at <= age_max;
}

void TeamsDirectory::doubt(const std::string& key) {
    look_ups_.again(key);
    auto id = key.substr(2);
    if (key.starts_with('u')) {
        const auto* user = users_.find(id);
        if (user == nullptr || user->as_of == core::Instant{}) return;
        auto doubted = *user;
        doubted.as_of = {};
        users_.put(std::move(doubted));
    } else {
        auto group = groups_.find(id);
        if (group == groups_.end()) return;
        auto doubted = *group->second;
        doubted.as_of = {};
        group->second = std::make_shared<const core::ChatGroup>(std::move(doubted));
    }
    published_.reset();
}

void TeamsDirectory::acted(const std::string& object, const std::string& mri, std::string_view conversation) {
    if (seen_.size() >= users_max) seen_.clear();
    Seen now{mri, std::string(wire::teams_channel_of(conversation))};
    Seen& before = seen_[object];
    const auto* known = users_.find(object);
    const bool unknown = known != nullptr && known->klass == core::AccountClass::unknown;
    const bool otherwise =
        !before.mri.empty() && (before.mri != now.mri || before.conversation != now.conversation);
    before = std::move(now);
    auto told = mris_.find(object);
    const bool contradicted = told != mris_.end() && told->second != mri;
    if (contradicted) mris_.erase(told);
    if (contradicted || (unknown && otherwise)) doubt(user_key(object));
}

void TeamsDirectory::changed(std::string_view conversation) {
    const auto id = std::string(wire::teams_channel_of(conversation));
    viewers_.erase(id);
    doubt(group_key(id));
    nudge_.notify_all();
}

std::string TeamsDirectory::mri_of(std::string_view object) const {
    auto told = mris_.find(std::string(object));
    if (told != mris_.end()) return told->second;
    auto seen = seen_.find(std::string(object));
    return seen == seen_.end() ? std::string{} : seen->second.mri;
}

std::string TeamsDirectory::object_of(std::string_view id) const {
    auto found = objects_.find(std::string(id));
    if (found != objects_.end()) return found->second;
    auto object = lower_ascii(id);
    return users_.find(object) ? object : std::string{};
}

// ---- looking up

Later<Done> TeamsDirectory::refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                                    core::Duration age_max, Deadline deadline) {
    if (home_.empty()) co_return fail(Trouble::unavailable, "nothing was heard from Teams yet");
    std::vector<std::string> keys;
    for (const std::string& group : groups)
        if (auto id = local_id(group); !id.empty()) keys.push_back(group_key(id));
    if (account) {
        auto its = core::parts(*account);
        const bool ours =
            its.kind == "teams" && (its.workspace.empty() || lower_ascii(its.workspace) == home_);
        if (ours && !its.id.empty()) keys.push_back(user_key(lower_ascii(its.id)));
    }
    std::erase_if(keys, [&](const std::string& key) { return fresh(key, age_max); });
    co_return co_await look_ups_.finish(std::move(keys), deadline);
}

Later<Done> TeamsDirectory::fetch(const std::string& key) {
    auto id = key.substr(2);
    return key.starts_with('u') ? fetch_user(std::move(id)) : fetch_roster(std::move(id));
}

// Somebody is asked about where they acted last, then where the policy knows people, then where cards are
// sent.
Later<Done> TeamsDirectory::fetch_user(std::string object) {
    const auto asked_at = runtime_.now();  // what comes back is at least as new as the question
    std::string id = object;
    std::vector<std::string> places = policy_groups();
    std::ranges::copy(card_channels(), std::back_inserter(places));
    if (auto seen = seen_.find(object); seen != seen_.end()) {
        id = seen->second.mri;
        places.insert(places.begin(), seen->second.conversation);
    }
    for (const std::string& place : places) {
        auto settled = co_await fetch_member(object, id, place);
        if (!settled && !absent(settled.error())) co_return pass(settled);
        if (settled && *settled) co_return Done{};
    }
    keep_users(
        {{.id = object, .klass = core::AccountClass::unknown, .name = {}, .email = {}, .as_of = asked_at}});
    co_return Done{};
}

// False: they are not in that conversation.
Later<bool> TeamsDirectory::fetch_member(std::string object, std::string id, std::string conversation) {
    const auto asked_at = runtime_.now();
    Deadline deadline{asked_at + look_up_max};
    auto address = co_await references_.service_url(conversation, deadline);
    ConnectorCall call{.method = "GET",
                       .service_url = std::move(address),
                       .path = conversation_path(conversation, "/members/" + net::percent_encode(id)),
                       .lane = "members:" + conversation};
    auto answer = co_await connector_.call(std::move(call), deadline);
    if (!answer && answer.error().trouble == Trouble::not_found) co_return false;
    if (!answer) co_return pass(answer);
    auto member = wire::read_teams_member(*answer, home_, asked_at);
    // The roster says that it is somebody else, or that they have another id.
    if (member.user.id != object || (id != object && member.mri != id)) {
        log::warn("teams", "an act of {} came under an id that the roster gives to somebody else",
                  visible(object));
        member.user = {
            .id = object, .klass = core::AccountClass::unknown, .name = {}, .email = {}, .as_of = asked_at};
    } else {
        mris_[object] = member.mri;
        objects_[member.mri] = object;
    }
    keep_users({std::move(member.user)});
    co_return true;
}

Later<Done> TeamsDirectory::fetch_roster(std::string conversation) {
    const auto asked_at = runtime_.now();
    Deadline deadline{asked_at + look_up_max};
    auto address = co_await references_.service_url(conversation, deadline);
    std::vector<wire::TeamsMember> members;
    std::string token;
    do {
        auto query = fmt::format("/pagedmembers?pageSize={}", page_size);
        if (!token.empty()) query += "&continuationToken=" + net::percent_encode(token);
        ConnectorCall call{.method = "GET",
                           .service_url = address,
                           .path = conversation_path(conversation, query),
                           .lane = "members:" + conversation};
        auto page = co_await connector_.call(std::move(call), deadline);
        if (!page) {
            if (absent(page.error())) page.error().detail += "; add the app there";
            co_return pass(page);
        }
        if (const auto* items = (*page)["members"].items())
            for (const Value& item : *items)
                members.push_back(wire::read_teams_member(item, home_, asked_at));
        if (members.size() > members_max)
            co_return fail(Trouble::too_large, "the roster has more members than are read here");
        token = (*page)["continuationToken"].text();
    } while (!token.empty());
    keep_roster(conversation, std::move(members), asked_at);
    co_return Done{};
}

void TeamsDirectory::keep_roster(const std::string& conversation, std::vector<wire::TeamsMember> members,
                                 core::Instant as_of) {
    core::ChatGroup group{.id = conversation, .handle = {}, .members = {}, .enabled = true, .as_of = as_of};
    Viewers seen{.ids = {}, .too_many = members.size() > wire::teams_viewers_max, .as_of = as_of};
    std::vector<core::ChatUser> users;
    if (mris_.size() + members.size() > users_max) {
        mris_.clear();
        objects_.clear();
    }
    for (wire::TeamsMember& member : members) {
        constexpr std::size_t id_bytes_max = 128;
        if (!seen.too_many && member.mri.starts_with("29:") && member.mri.size() <= id_bytes_max)
            seen.ids.push_back(member.mri);
        if (member.user.id.empty()) continue;
        mris_[member.user.id] = member.mri;
        objects_[member.mri] = member.user.id;
        // Guests and people of other tenants belong to no group, whatever the roster shows.
        if (member.user.klass == core::AccountClass::member) group.members.push_back(member.user.id);
        users.push_back(std::move(member.user));
    }
    std::ranges::sort(group.members);
    if (viewers_.size() >= rosters_max) viewers_.clear();
    viewers_.insert_or_assign(conversation, std::move(seen));
    if (groups_.size() >= rosters_max) groups_.clear();
    groups_.insert_or_assign(conversation, std::make_shared<const core::ChatGroup>(std::move(group)));
    keep_users(std::move(users));
}

void TeamsDirectory::keep_users(std::vector<core::ChatUser> users) {
    if (users_.size() + users.size() > users_max) users_ = {};
    users_.put(std::move(users));
    published_.reset();
}

awaitable<std::vector<std::string>> TeamsDirectory::viewers(std::string_view conversation,
                                                            Deadline deadline) {
    const auto id = std::string(wire::teams_channel_of(conversation));
    auto known = viewers_.find(id);
    const bool wanted = known == viewers_.end() || runtime_.now() - known->second.as_of > viewers_age_max;
    if (wanted && !home_.empty()) {
        // A card waits for them no longer than that, and is everybody's then.
        Deadline patience{std::min(deadline.at, runtime_.now() + viewers_patience)};
        auto read = co_await look_ups_.finish({group_key(id)}, patience);
        if (!read && !viewers_.contains(id))
            viewers_[id].as_of = runtime_.now() - viewers_age_max + viewers_again_after;
        known = viewers_.find(id);
    }
    if (known == viewers_.end() || known->second.too_many) co_return std::vector<std::string>{};
    co_return known->second.ids;
}

// ---- reading before it is needed

std::size_t TeamsDirectory::warm_up() {
    if (home_.empty() || runtime_.now() < warm_not_before_) return 0;
    std::size_t started = 0;
    for (const std::string& id : policy_groups()) {
        constexpr std::size_t at_once_max = 8;
        if (look_ups_.size() >= at_once_max) break;
        const auto key = group_key(id);
        if (fresh(key, roster_.age_max() * 6 / 10)) continue;
        if (!look_ups_.under_way(key) && look_ups_.start(key)) ++started;
    }
    return started;
}

awaitable<void> TeamsDirectory::keep_warm() {
    while (!stopped_) {
        std::size_t started = warm_up();
        auto wait = started > 0 ? core::Duration{std::chrono::milliseconds{200}} : warm_every;
        co_await nudge_.wait_until(runtime_.timers, runtime_.now() + wait);
    }
}

awaitable<void> TeamsDirectory::stop(core::Instant deadline) {
    stopped_ = true;
    nudge_.notify_all();
    co_await look_ups_.end(deadline);
}

}  // namespace countersign::teams
