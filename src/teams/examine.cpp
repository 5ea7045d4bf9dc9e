#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "countersign/adapters/teams.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/url.hpp"
#include "countersign/wire/json_text.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "teams/app_token.hpp"
#include "teams/clouds.hpp"
#include "teams/connector.hpp"
#include "teams/sockets.hpp"

namespace countersign::teams {
namespace {

using app::Check;
using core::Value;
using rt::asio::awaitable;

// So many people are looked up; each takes a call or two of the Connector.
constexpr std::size_t people_max = 40;

// Says why an address does not answer with this status.
Later<Done> answers(net::HttpClient& client, std::string method, const std::string& address,
                    unsigned expected, Deadline deadline) {
    auto url = net::parse_url(address);
    if (!url) co_return pass(url);
    net::HttpRequest request;
    request.method = std::move(method);
    request.target = url->target;
    auto response = co_await client.send(*url, std::move(request), deadline);
    if (!response) co_return pass(response);
    if (response->status != expected)
        co_return fail(Trouble::unavailable,
                       fmt::format("it answers {} where {} was meant", response->status, expected));
    co_return Done{};
}

bool no_time(const Failure& why) {
    return why.trouble == Trouble::timed_out || why.trouble == Trouble::overloaded ||
           why.trouble == Trouble::unavailable || why.trouble == Trouble::cancelled;
}

Check not_looked_at(std::string name, const Failure& why) {
    if (why.trouble == Trouble::unavailable)
        return {std::move(name), Check::State::failed, why.detail,
                "let this machine reach the hosts of teams.service_url_allow over https"};
    return {std::move(name), Check::State::skipped, "not looked at in time",
            "run `countersign doctor` again"};
}

// One of many things as it was found; `problem` empty: it is fine.
struct Seen {
    std::string problem = {};
    std::optional<Failure> not_seen = {};
};

class Examination {
  public:
    Examination(TeamsSettings settings, app::ChatNames names, std::string public_url,
                const app::Runtime& runtime, const Reach& reach, Deadline deadline)
        : settings_(std::move(settings)),
          names_(std::move(names)),
          public_url_(std::move(public_url)),
          runtime_(runtime),
          deadline_(deadline),
          client_(net::make_http_client(reach.dialer, runtime.clock, runtime.timers, reach.executor)),
          token_(settings_, *client_, runtime.clock, runtime.timers, runtime.entropy, reach.executor),
          connector_(settings_, *client_, runtime.clock, runtime.timers, runtime.entropy,
                     {token_, sockets_}) {}

    Later<app::Checks> all();

  private:
    awaitable<bool> credentials();
    awaitable<void> keys();
    awaitable<void> endpoint();
    awaitable<bool> installed();
    awaitable<void> people();
    // Says where somebody of the policy stands: in a roster that is read here, as a full member or not.
    awaitable<Seen> standing(std::string object);
    // Says whether the bot may write to somebody in private.
    awaitable<Seen> reachable(std::string object);
    Later<Value> ask(std::string_view method, std::string path, std::string body = {});
    void put(std::string name, const std::vector<std::string>& wrong, std::string fine, std::string fix,
             Check::State state = Check::State::failed);
    std::string local_id(std::string_view id) const;
    std::vector<std::string> places() const;

    TeamsSettings settings_;
    app::ChatNames names_;
    std::string public_url_;
    const app::Runtime& runtime_;
    Deadline deadline_;
    std::unique_ptr<net::HttpClient> client_;
    AppToken token_;
    Sockets sockets_;
    Connector connector_;
    std::vector<std::string> not_installed_;
    app::Checks checks_;
};

void Examination::put(std::string name, const std::vector<std::string>& wrong, std::string fine,
                      std::string fix, Check::State state) {
    if (wrong.empty())
        checks_.push_back({std::move(name), Check::State::ok, std::move(fine), {}});
    else
        checks_.push_back({std::move(name), state, join(wrong, "; "), std::move(fix)});
}

// "19:a" of "19:a" and of "tenant/19:a"; empty where the id is another tenant's.
std::string Examination::local_id(std::string_view id) const {
    auto slash = id.find('/');
    if (slash == id.npos) return std::string(id);
    return lower_ascii(id.substr(0, slash)) == settings_.tenant ? std::string(id.substr(slash + 1))
                                                                : std::string{};
}

// Conversations that the policy and the settings name, each once.
std::vector<std::string> Examination::places() const {
    std::vector<std::string> all;
    for (const auto* named : {&names_.channels, &names_.groups})
        for (const std::string& id : *named) {
            auto local = local_id(id);
            if (!local.empty() && std::ranges::find(all, local) == all.end()) all.push_back(std::move(local));
        }
    return all;
}

Later<Value> Examination::ask(std::string_view method, std::string path, std::string body) {
    ConnectorCall call{.method = method,
                       .service_url = settings_.service_url_allow.front(),
                       .path = std::move(path),
                       .body = std::move(body)};
    co_return co_await connector_.call(std::move(call), deadline_);
}

awaitable<bool> Examination::credentials() {
    auto got = co_await token_.get(deadline_);
    checks_.push_back({"teams.credentials", got ? Check::State::ok : Check::State::failed,
                       got ? "Entra gives the bot its token" : got.error().detail,
                       got ? "" : "give the client secret or certificate of this app, and its tenant"});
    co_return got.has_value();
}

awaitable<void> Examination::keys() {
    auto keys = co_await answers(*client_, "GET", settings_.openid_metadata_url, 200, deadline_);
    checks_.push_back({"teams.keys", keys ? Check::State::ok : Check::State::failed,
                       keys ? "the keys of Teams' tokens can be read" : keys.error().detail,
                       keys ? "" : "let this machine reach teams.openid_metadata_url over https"});
}

awaitable<void> Examination::endpoint() {
    auto url = net::parse_url(public_url_);
    if (!url || url->scheme != "https") {
        checks_.push_back({"teams.endpoint", Check::State::failed, "public_url is no https address",
                           "Teams calls the server there: see docs/teams.md"});
        co_return;
    }
    // Without a token the server that we are looking for refuses the call.
    auto there = co_await answers(*client_, "POST", url->origin() + "/api/messages", 401, deadline_);
    checks_.push_back(
        {"teams.endpoint", there ? Check::State::ok : Check::State::warning,
         there ? "public_url leads to a server that asks Teams for its token"
               : fmt::format("{}/api/messages: {}", url->origin(), there.error().detail),
         there ? "" : "start the server, and look whether public_url leads to it from outside"});
}

// A roster is read where the app is installed, and nowhere else.
awaitable<bool> Examination::installed() {
    std::vector<std::string> wrong;
    const auto all = places();
    for (const std::string& place : all) {
        auto roster = co_await ask("GET", conversation_path(place, "/pagedmembers?pageSize=50"));
        if (roster) continue;
        if (no_time(roster.error())) {
            checks_.push_back(not_looked_at("teams.installed", roster.error()));
            co_return false;
        }
        not_installed_.push_back(place);
        const bool absent = roster.error().trouble == Trouble::not_found;
        wrong.push_back(fmt::format("{} {}", visible(place),
                                    absent ? "is no conversation of this tenant" : "is without the app"));
    }
    put("teams.installed", wrong,
        fmt::format("{} conversations of the policy, all of them with the app", all.size()),
        "add the app to these teams and chats, or correct their ids in the policy: see docs/teams.md");
    co_return true;
}

awaitable<Seen> Examination::standing(std::string object) {
    for (const std::string& place : places()) {
        if (std::ranges::find(not_installed_, place) != not_installed_.end()) continue;
        auto member =
            co_await ask("GET", conversation_path(place, "/members/" + net::percent_encode(object)));
        if (!member && no_time(member.error())) co_return Seen{.not_seen = member.error()};
        if (!member) continue;
        const auto its = wire::read_teams_member(*member, settings_.tenant, runtime_.now());
        if (its.user.id != object) continue;
        if (its.user.klass == core::AccountClass::member) co_return Seen{};
        co_return Seen{.problem = fmt::format("is {}", core::name_of(its.user.klass))};
    }
    co_return Seen{.problem = "is in none of these conversations"};
}

// Making a person's own conversation says nothing to them, and comes to the same one each time.
awaitable<Seen> Examination::reachable(std::string object) {
    auto tenant = wire::json_object("tenant", wire::json_object("id", settings_.tenant));
    auto members = wire::JsonItems(wire::json_object("id", object)).take();
    auto body = wire::json_object("bot", wire::json_object("id", "28:" + settings_.app_id), "channelData",
                                  tenant, "isGroup", false, "members", members, "tenantId", settings_.tenant);
    auto made = co_await ask("POST", "/v3/conversations", std::move(body.text));
    if (made) co_return Seen{};
    if (no_time(made.error())) co_return Seen{.not_seen = made.error()};
    co_return Seen{.problem = "has not added the app"};
}

awaitable<void> Examination::people() {
    std::vector<std::string> wrong;
    std::vector<std::string> unreached;
    std::size_t looked_at = 0;
    std::size_t theirs = 0;
    std::optional<Failure> trouble;
    for (const auto& [person, account] : names_.people) {
        const auto object = lower_ascii(local_id(account));
        if (object.empty()) continue;  // of another tenant
        ++theirs;
        if (trouble || looked_at == people_max) continue;
        auto stands = co_await standing(object);
        Seen reached;
        if (!stands.not_seen && stands.problem.empty()) {
            auto asked = co_await reachable(object);
            reached = std::move(asked);
        }
        trouble = stands.not_seen ? stands.not_seen : reached.not_seen;
        if (trouble) continue;
        ++looked_at;
        if (!stands.problem.empty())
            wrong.push_back(fmt::format("{} ({}) {}", person, object, stands.problem));
        if (!reached.problem.empty()) unreached.push_back(fmt::format("{} {}", person, reached.problem));
    }
    if (trouble && wrong.empty() && unreached.empty()) {
        auto check = not_looked_at("teams.people", *trouble);
        check.detail = fmt::format("{} of {} looked at: {}", looked_at, theirs, check.detail);
        checks_.push_back(std::move(check));
        co_return;
    }
    put("teams.people", wrong,
        fmt::format("{} of {} people of the policy looked at, all of them members", looked_at, theirs),
        "only full members vote, and only who is in a conversation with the app is known: correct their "
        "accounts, or add them there");
    put("teams.reachable", unreached, fmt::format("{} people can be written to in private", looked_at),
        "cards and outcomes reach them in channels alone: let them add the app, or set it up for everybody "
        "in "
        "the Teams admin center",
        Check::State::warning);
}

Later<app::Checks> Examination::all() {
    const bool known = co_await credentials();
    co_await keys();
    co_await endpoint();
    if (!known) co_return std::move(checks_);
    if (settings_.tenant.empty()) {
        checks_.push_back({"teams.installed", Check::State::skipped, "teams.tenant is not set",
                           "set it, so that people and conversations can be looked up"});
        co_return std::move(checks_);
    }
    const bool asked = co_await installed();
    if (asked) co_await people();
    co_return std::move(checks_);
}

}  // namespace

Later<app::Checks> examine(TeamsSettings given, app::ChatNames names, std::string public_url,
                           const app::Runtime& runtime, const Reach& reach, Deadline deadline) {
    if (auto problem = problem_of(given)) {
        app::Checks checks;
        checks.push_back({"teams.settings", Check::State::failed, *problem, "see docs/teams.md"});
        co_return checks;
    }
    Examination examination{
        completed(std::move(given)), std::move(names), std::move(public_url), runtime, reach, deadline};
    co_return co_await examination.all();
}

}  // namespace countersign::teams
