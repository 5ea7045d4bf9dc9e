#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "countersign/adapters/slack.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/wire/slack_payload.hpp"
#include "slack/api_errors.hpp"
#include "slack/credentials.hpp"
#include "slack/web_api.hpp"

namespace countersign::slack {
namespace {

using app::Check;
using core::Value;
using rt::asio::awaitable;

constexpr std::size_t channel_pages_max = 20;
constexpr int channels_a_page = 900;

// A list of things that are wrong, as one check.
Check check_of(std::string name, std::size_t looked_at, std::string_view what,
               std::vector<Check::Wrong> wrong, std::string fix) {
    if (wrong.empty()) return {std::move(name), Check::State::ok, fmt::format("{} {}", looked_at, what), {}};
    std::vector<std::string> sentences;
    for (const auto& one : wrong) sentences.push_back(one.what);
    return {std::move(name), Check::State::failed, join(sentences, "; "), std::move(fix), std::move(wrong)};
}

Check not_looked_at(std::string name, const Failure& why) {
    const bool late = why.trouble == Trouble::timed_out || why.trouble == Trouble::overloaded;
    return {std::move(name), late ? Check::State::skipped : Check::State::failed,
            late ? "not looked at in time" : why.detail,
            late ? "run `countersign doctor` again" : "see what Slack says"};
}

// Makes the row for what Slack's answer leaves out: no setting of this server mends that.
Check unsaid(std::string name, std::string what) {
    return {std::move(name), Check::State::failed, std::move(what),
            "nobody of whom Slack does not say this can vote: see what answers at slack.api_url"};
}

class Examination {
  public:
    Examination(SlackSettings settings, const app::ChatNames& names, const app::Runtime& runtime,
                net::Dialer& dialer, rt::asio::any_io_executor executor, Deadline deadline)
        : settings_(std::move(settings)),
          names_(names),
          deadline_(deadline),
          client_(net::make_http_client(dialer, runtime.clock, runtime.timers, executor)),
          workbench_(executor, {.threads = 1, .background = 1, .queue_max = 64},
                     [] { return std::make_unique<Bench>(); }),
          api_(settings_, *client_, runtime.clock, runtime.timers, runtime.entropy, workbench_),
          now_(runtime.now()) {}

    Later<app::Checks> all();

  private:
    awaitable<bool> bot_token();
    awaitable<void> app_token();
    awaitable<void> channels();
    awaitable<void> groups();
    awaitable<void> people();
    std::string here(const std::string& id) const;

    SlackSettings settings_;
    const app::ChatNames& names_;
    Deadline deadline_;
    std::unique_ptr<net::HttpClient> client_;
    Workbench workbench_;
    WebApi api_;
    core::Instant now_;
    wire::SlackHome home_;
    app::Checks checks_;
};

// The id without the workspace; empty: it is of another workspace.
std::string Examination::here(const std::string& id) const {
    auto slash = id.find('/');
    if (slash == id.npos) return id;
    return id.substr(0, slash) == home_.team ? id.substr(slash + 1) : std::string{};
}

awaitable<bool> Examination::bot_token() {
    auto answer = co_await api_.call(Method::auth_test, Value::object(), {}, deadline_);
    if (!answer) {
        auto& failure = answer.error();
        bool wrong = failure.trouble == Trouble::unauthenticated;
        checks_.push_back({"slack.bot_token", Check::State::failed,
                           wrong ? advice("slack.bot_token", failure.code, "") : failure.detail,
                           wrong ? "put the token in place and run `countersign doctor` again"
                                 : "let this machine reach slack.api_url over https"});
        co_return false;
    }
    home_ = wire::read_slack_home(*answer);
    if (home_.team.empty()) {
        checks_.push_back({"slack.bot_token", Check::State::failed,
                           "auth.test does not say which workspace this is",
                           "see what answers at slack.api_url"});
        co_return false;
    }
    checks_.push_back({"slack.bot_token",
                       Check::State::ok,
                       fmt::format("{} in {} ({})", home_.bot_user, home_.team_name, home_.team),
                       {}});
    auto lacking = scope_problem(api_.scopes());
    checks_.push_back(
        {"slack.scopes", lacking.empty() ? Check::State::ok : Check::State::failed,
         lacking.empty() ? "all that is needed" : lacking,
         lacking.empty() ? "" : "add them to the app, install it again, and put its new token in place"});
    co_return true;
}

awaitable<void> Examination::app_token() {
    auto answer = co_await api_.call(Method::connections_open, Value::object(), {}, deadline_);
    if (answer) {
        checks_.push_back({"slack.sockets", Check::State::ok, "Slack offers Socket Mode", {}});
        co_return;
    }
    auto& failure = answer.error();
    auto what = advice("slack.app_token", failure.code, "");
    checks_.push_back({"slack.sockets", Check::State::failed, what.empty() ? failure.detail : what,
                       "switch Socket Mode on, and give an app-level token with connections:write"});
}

awaitable<void> Examination::channels() {
    std::map<std::string, Value, std::less<>> known;  // by id and by name
    std::string cursor;
    for (std::size_t page = 0; page < channel_pages_max; ++page) {
        auto arguments = Value::object({{"types", "public_channel,private_channel"},
                                        {"exclude_archived", false},
                                        {"limit", channels_a_page}});
        if (!cursor.empty()) arguments.set("cursor", cursor);
        auto answer = co_await api_.call(Method::conversations, std::move(arguments), {}, deadline_);
        if (!answer) {
            checks_.push_back(not_looked_at("slack.channels", answer.error()));
            co_return;
        }
        if (const auto* items = (*answer)["channels"].items())
            for (const Value& one : *items)
                for (const char* key : {"id", "name"})
                    known.insert_or_assign(std::string(one[key].text()), one);
        cursor = (*answer)["response_metadata"]["next_cursor"].text();
        if (cursor.empty()) break;
    }
    std::vector<Check::Wrong> wrong;
    for (const auto& name : names_.channels) {
        auto found = known.find(name.starts_with('#') ? name.substr(1) : name);
        if (found == known.end())
            wrong.push_back({name, fmt::format("{} is not there, or private without the bot", name)});
        else if (found->second["is_archived"].truth())
            wrong.push_back({name, fmt::format("{} is archived", name)});
        else if (!found->second["is_member"].truth())
            wrong.push_back({name, fmt::format("the bot is not in {}", name)});
    }
    checks_.push_back(check_of("slack.channels", names_.channels.size(),
                               "named, and the bot is in all of them", std::move(wrong),
                               "in Slack, /invite @countersign there; or name another channel"));
}

awaitable<void> Examination::groups() {
    auto arguments = Value::object({{"include_disabled", true}, {"include_count", true}});
    auto answer = co_await api_.call(Method::usergroups, std::move(arguments), {}, deadline_);
    if (!answer) {
        checks_.push_back(not_looked_at("slack.groups", answer.error()));
        co_return;
    }
    std::map<std::string, Value, std::less<>> known;
    const auto* items = (*answer)["usergroups"].items();
    if (items == nullptr) {
        checks_.push_back(unsaid("slack.groups", "usergroups.list does not say which groups there are"));
        co_return;
    }
    for (const Value& one : *items) known.insert_or_assign(std::string(one["id"].text()), one);
    std::vector<Check::Wrong> wrong;
    for (const auto& id : names_.groups) {
        auto found = known.find(here(id));
        if (found == known.end())
            wrong.push_back({id, fmt::format("{} is no user group of this workspace", id)});
        else if (found->second["date_delete"].whole() != 0)
            wrong.push_back({id, fmt::format("{} is disabled", id)});
        else if (found->second["is_external"].truth())
            wrong.push_back({id, fmt::format("{} is another organisation's", id)});
    }
    checks_.push_back(check_of("slack.groups", names_.groups.size(), "user groups, all of them there",
                               std::move(wrong),
                               "a group that is not there approves nothing: correct its id in the policy"));
}

awaitable<void> Examination::people() {
    std::vector<Check::Wrong> wrong;
    std::size_t looked_at = 0;
    for (const auto& [person, account] : names_.people) {
        auto id = here(account);
        if (id.empty()) continue;  // of another workspace
        auto arguments = Value::object({{"user", id}});
        auto answer = co_await api_.call(Method::users_info, std::move(arguments), {}, deadline_);
        if (!answer && answer.error().trouble != Trouble::not_found) {
            auto check = not_looked_at("slack.people", answer.error());
            check.detail =
                fmt::format("{} of {} looked at: {}", looked_at, names_.people.size(), check.detail);
            checks_.push_back(std::move(check));
            co_return;
        }
        auto klass = core::AccountClass::unknown;
        const bool found = answer && (*answer)["user"]["id"].text() == id;
        if (found) klass = wire::read_slack_user((*answer)["user"], home_, now_).klass;
        // Slack says of deleted users and bots only that they are that: their other flags are not missing.
        const bool untold = answer && klass == core::AccountClass::unknown;
        const auto said = untold ? wire::unsaid_flags((*answer)["user"]) : std::vector<std::string>{};
        if (!said.empty()) {
            checks_.push_back(unsaid("slack.people", fmt::format("users.info does not say {} of {} ({})",
                                                                 join(said, ", "), person, id)));
            co_return;
        }
        ++looked_at;
        if (klass != core::AccountClass::member)
            wrong.push_back(
                {account,
                 fmt::format("{} ({}) is {}", person, id,
                             klass == core::AccountClass::unknown ? "nobody here" : core::name_of(klass))});
    }
    checks_.push_back(check_of("slack.people", looked_at, "people of the policy, all of them members",
                               std::move(wrong),
                               "only full members vote: correct their accounts in the policy"));
}

Later<app::Checks> Examination::all() {
    auto looks = token_problem(settings_);
    if (!looks.empty()) {
        checks_.push_back({"slack.tokens", Check::State::failed, looks, "put the right token there"});
        co_return std::move(checks_);
    }
    bool known = co_await bot_token();
    co_await app_token();
    if (!known) co_return std::move(checks_);
    co_await channels();
    co_await groups();
    co_await people();
    co_return std::move(checks_);
}

}  // namespace

Later<app::Checks> examine(SlackSettings settings, app::ChatNames names, const app::Runtime& runtime,
                           net::Dialer& dialer, rt::asio::any_io_executor executor, Deadline deadline) {
    Examination examination{std::move(settings), names, runtime, dialer, std::move(executor), deadline};
    co_return co_await examination.all();
}

}  // namespace countersign::slack
