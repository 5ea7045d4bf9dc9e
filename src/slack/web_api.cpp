#include "slack/web_api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/check.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "slack/api_errors.hpp"

namespace countersign::slack {

using core::Value;

namespace {

constexpr std::array<MethodFacts, static_cast<std::size_t>(Method::count)> table{{
    {"apps.connections.open", false, true, false, false, 50, false},
    {"auth.test", true, false, false, false, 0, false},
    {"chat.postMessage", true, false, true, true, 0, false},
    {"chat.update", true, false, true, false, 50, false},
    {"chat.postEphemeral", true, false, true, false, 100, true},
    {"views.open", true, false, true, false, 100, true},
    {"views.publish", true, false, true, false, 100, false},
    {"views.update", true, false, true, false, 100, true},
    {"conversations.history", true, false, false, false, 50, false},
    {"conversations.replies", false, false, false, false, 50, false},
    {"conversations.list", false, false, false, false, 20, false},
    {"users.info", false, false, false, false, 100, true},
    {"usergroups.users.list", false, false, false, false, 20, true},
    {"usergroups.list", false, false, false, false, 20, true},
    {"users.list", false, false, false, false, 20, false},
    {"users.profile.get", false, false, false, false, 100, true},
}};

// What a method with effects echoes, and nobody here reads.
constexpr std::array<std::string_view, 3> echoes{"message", "blocks", "view"};

constexpr core::Duration retry_after_default = std::chrono::seconds{30};
constexpr core::Duration retry_after_max = std::chrono::hours{1};

core::Duration parse_retry_after(const net::Fields& fields) {
    auto field = fields.find("retry-after");
    if (!field) return retry_after_default;
    std::int64_t seconds = 0;
    for (char c : trim(*field)) {
        if (c < '0' || c > '9' || seconds > 100'000) return retry_after_default;
        seconds = seconds * 10 + (c - '0');
    }
    return std::min<core::Duration>(std::chrono::seconds{seconds}, retry_after_max);
}

std::string form_value(const Value& value) {
    if (const std::string* text = value.string()) return *text;
    return core::canonical(value);  // true, 12, and JSON for arrays and objects
}

std::string form_body(const Value& arguments) {
    std::string body;
    const auto* members = arguments.members();
    if (!members) return body;
    for (const auto& [name, value] : *members) {
        if (!body.empty()) body += '&';
        body += net::percent_encode(name) + "=" + net::percent_encode(form_value(value));
    }
    return body;
}

}  // namespace

const MethodFacts& facts(Method method) {
    return table.at(static_cast<std::size_t>(method));
}

WebApi::WebApi(const SlackSettings& settings, net::HttpClient& client, const rt::Clock& clock,
               rt::Timers& timers, rt::Entropy& entropy, Workbench& workbench)
    : settings_(settings),
      client_(client),
      clock_(clock),
      timers_(timers),
      entropy_(entropy),
      workbench_(workbench),
      pacer_(settings.pace == SlackSettings::Pace::strict ? Pacer::Mode::strict : Pacer::Mode::automatic) {}

Later<Value> WebApi::call(Method method, Value arguments, std::string channel, Deadline deadline,
                          std::optional<core::Duration> patience) {
    if (arguments.is_null()) arguments = Value::object();
    std::string body = facts(method).json ? core::canonical(arguments) : form_body(arguments);
    co_return co_await call_with(method, std::move(body), std::move(channel), deadline, patience);
}

Later<Value> WebApi::call(Method method, wire::JsonText arguments, std::string channel, Deadline deadline,
                          std::optional<core::Duration> patience) {
    COUNTERSIGN_CHECK(facts(method).json);
    return call_with(method, std::move(arguments.text), std::move(channel), deadline, patience);
}

Later<Value> WebApi::call_with(Method method, std::string body, std::string channel, Deadline deadline,
                               std::optional<core::Duration> patience) {
    const auto& its = facts(method);
    // The documented rates count per workspace, but for posting, which has a pace per channel.
    std::string lane =
        settings_.pace == SlackSettings::Pace::strict && !its.posts ? std::string{} : std::move(channel);
    auto latest = deadline.at;
    if (patience) latest = std::min(latest, clock_.now() + *patience);
    for (;;) {
        auto turn = pacer_.take(its.name, lane, its.rate(), clock_.now(), latest);
        if (!turn) {
            auto opens = pacer_.opens_at(its.name, lane, clock_.now());
            auto failure =
                Failure{Trouble::overloaded,
                        fmt::format("Slack allows no {} before {}", its.name, core::rfc3339(opens)),
                        "ratelimited",
                        {}};
            failure.not_before = opens;
            co_return std::unexpected(std::move(failure));
        }
        if (turn->at > clock_.now()) {
            auto cancelled = co_await timers_.sleep_until(turn->at);
            if (cancelled) co_return fail(Trouble::cancelled, "cancelled while waiting for its turn");
            if (!pacer_.stands(its.name, lane, *turn)) continue;
        }
        core::Duration retry_after{0};
        auto answer = co_await send(method, body, deadline, retry_after);
        if (answer || answer.error().trouble != Trouble::overloaded) co_return answer;
        pacer_.limited(its.name, lane, clock_.now(), retry_after);
    }
}

bool WebApi::open_now(Method method) const {
    const auto now = clock_.now();
    return pacer_.opens_at(facts(method).name, {}, now) <= now;
}

Later<Value> WebApi::send(Method method, std::string body, Deadline deadline, core::Duration& retry_after) {
    const auto& its = facts(method);
    auto url = net::parse_url(settings_.api_url + std::string(its.name));
    if (!url) co_return pass(url);
    net::HttpRequest request;
    request.method = "POST";
    request.target = url->target;
    const Secret& token = its.app_token ? settings_.app_token : settings_.bot_token;
    request.fields.add("Authorization", "Bearer " + std::string(token.reveal()));
    request.fields.add("Content-Type",
                       its.json ? "application/json; charset=utf-8" : "application/x-www-form-urlencoded");
    request.fields.add("Accept", "application/json");
    request.fields.add("User-Agent", "countersign/" COUNTERSIGN_VERSION);
    request.body = std::move(body);
    auto response = co_await client_.send(*url, std::move(request), deadline);
    if (!response) {
        auto failure = std::move(response).error();
        if (failure.trouble == Trouble::timed_out && !its.changes) failure.trouble = Trouble::unavailable;
        co_return std::unexpected(std::move(failure));
    }
    if (method == Method::auth_test)
        if (auto scopes = response->fields.find("x-oauth-scopes")) scopes_ = *scopes;
    auto status = judge_status(method, *response, retry_after);
    if (!status) co_return pass(status);
    auto parsed = co_await read(method, std::move(response->body));
    co_return judge(method, std::move(parsed), *response, retry_after);
}

Later<Value> WebApi::read(Method method, std::string body) {
    const bool big = body.size() > read_here_bytes_max;
    Workbench::Job<Value> read = [changes = facts(method).changes,
                                  body = std::move(body)](Bench&) -> Result<Value> {
        const wire::JsonRules rules{.bytes_max = answer_bytes_max, .strict = false};
        return changes ? wire::parse_json_without(echoes, body, rules) : wire::parse_json(body, rules);
    };
    co_return co_await work<Value>(workbench_, big, std::move(read));
}

core::Duration WebApi::pause(const net::HttpResponse& response) {
    return parse_retry_after(response.fields) +
           std::chrono::milliseconds{static_cast<int>(rt::fraction(entropy_) * 1'000)};
}

Result<Done> WebApi::judge_status(Method method, const net::HttpResponse& response,
                                  core::Duration& retry_after) {
    const auto& its = facts(method);
    if (response.status == 429) {
        retry_after = pause(response);
        return std::unexpected(failure_of(its.name, "ratelimited", {}, its.changes));
    }
    if (response.status >= 500)
        return fail(its.changes ? Trouble::timed_out : Trouble::unavailable,
                    fmt::format("Slack answered {} with status {}", its.name, response.status),
                    fmt::format("status_{}", response.status));
    return Done{};
}

Result<Value> WebApi::judge(Method method, Result<Value> parsed, const net::HttpResponse& response,
                            core::Duration& retry_after) {
    const auto& its = facts(method);
    if (!parsed || !parsed->members())
        return fail(its.changes ? Trouble::timed_out : Trouble::unavailable,
                    fmt::format("Slack answered {} with status {} and something that is not JSON", its.name,
                                response.status),
                    "bad_response");
    const Value& answer = *parsed;
    watch_token(its, answer["ok"].truth() ? std::string_view{} : answer["error"].text());
    if (answer["ok"].truth()) return std::move(*parsed);
    auto word = answer["error"].text("no_error_word");
    if (classify(word) == ApiError::rate_limited) {
        retry_after = pause(response);
        return std::unexpected(failure_of(its.name, "ratelimited", {}, its.changes));
    }
    auto failure = failure_of(its.name, word, answer["needed"].text(), its.changes);
    if (classify(word) == ApiError::our_bug)
        if (const auto* messages = answer["response_metadata"]["messages"].items())
            for (std::size_t i = 0; i < messages->size() && i < 3; ++i)
                failure.detail += "; " + visible(clip_utf8((*messages)[i].text(), 200));
    return std::unexpected(std::move(failure));
}

// A token can be revoked while we run: said once, aloud, and until a call succeeds again.
void WebApi::watch_token(const MethodFacts& its, std::string_view word) {
    if (its.app_token) return;  // the sockets tell of that one
    if (word.empty()) return problem_.clear();
    if (classify(word) != ApiError::credential) return;
    auto said = advice("slack.bot_token", word, {});
    if (said != problem_) log::error("slack", "{}", said);
    problem_ = std::move(said);
}

// A response_url comes from Slack, inside an authenticated socket; still it is text from outside that we are
// about to call.
Result<Done> WebApi::trusted(const net::Url& url) const {
    if (url.scheme == "https" && (url.host == "hooks.slack.com" || url.host == "hooks.slack-gov.com"))
        return Done{};
    if (auto api = net::parse_url(settings_.api_url); api && api->origin() == url.origin()) return Done{};
    return fail(Trouble::invalid_input, "a response_url pointed elsewhere than to Slack");
}

Later<Done> WebApi::respond(std::string url_text, wire::JsonText body, Deadline deadline) {
    auto url = net::parse_url(url_text);
    if (!url) co_return fail(Trouble::invalid_input, "a response_url was not a URL");
    auto allowed = trusted(*url);
    if (!allowed) co_return pass(allowed);
    net::HttpRequest request;
    request.method = "POST";
    request.target = url->target;
    request.fields.add("Content-Type", "application/json; charset=utf-8");
    request.fields.add("User-Agent", "countersign/" COUNTERSIGN_VERSION);
    request.body = std::move(body.text);
    for (;;) {
        auto response = co_await client_.send(*url, request, deadline);
        if (!response) co_return pass(response);
        if (response->status == 200) co_return Done{};
        auto jitter = std::chrono::milliseconds{static_cast<int>(rt::fraction(entropy_) * 1'000)};
        auto again = clock_.now() + parse_retry_after(response->fields) + jitter;
        if (response->status != 429 || again >= deadline.at)
            co_return fail(Trouble::unavailable,
                           fmt::format("a response_url answered with status {}", response->status));
        auto cancelled = co_await timers_.sleep_until(again);
        if (cancelled) co_return fail(Trouble::cancelled, "cancelled while waiting to tell somebody");
    }
}

}  // namespace countersign::slack
