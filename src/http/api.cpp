#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "countersign/adapters/http.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/problem.hpp"
#include "http/events.hpp"
#include "http/gate.hpp"
#include "http/openapi.hpp"
#include "http/requests.hpp"
#include "http/subscriptions.hpp"

namespace countersign::http {
namespace {

constexpr core::Duration call_patience{std::chrono::seconds{5}};  // for the database, beside deliberate waits
constexpr std::string_view try_again_after = "1";

enum class Act : std::uint8_t {
    create,
    list,
    show,
    vote,
    cancel,
    claim,
    outcome,
    events,
    subscribe,
    subscriptions,
    subscription,
    unsubscribe,
    deliveries,
    delivery,
    redeliver,
    test,
    rotate,
    health,
    ready,
    metrics,
    keys,
    description
};

struct Route {
    std::string_view method;
    std::string_view path;  // "{…}" stands for one segment; at most two of them
    Act act;
    bool open = false;  // no token needed
};
constexpr std::array<Route, 22> routes{
    {{"POST", "/v1/requests", Act::create},
     {"GET", "/v1/requests", Act::list},
     {"GET", "/v1/requests/{id}", Act::show},
     {"POST", "/v1/requests/{id}/votes", Act::vote},
     {"POST", "/v1/requests/{id}/cancel", Act::cancel},
     {"POST", "/v1/requests/{id}/claim", Act::claim},
     {"POST", "/v1/requests/{id}/outcome", Act::outcome},
     {"GET", "/v1/events", Act::events},
     {"POST", "/v1/subscriptions", Act::subscribe},
     {"GET", "/v1/subscriptions", Act::subscriptions},
     {"GET", "/v1/subscriptions/{id}", Act::subscription},
     {"DELETE", "/v1/subscriptions/{id}", Act::unsubscribe},
     {"POST", "/v1/subscriptions/{id}/test", Act::test},
     {"POST", "/v1/subscriptions/{id}/rotate", Act::rotate},
     {"GET", "/v1/subscriptions/{id}/deliveries", Act::deliveries},
     {"GET", "/v1/subscriptions/{id}/deliveries/{event}", Act::delivery},
     {"POST", "/v1/subscriptions/{id}/deliveries/{event}/redeliver", Act::redeliver},
     {"GET", "/healthz", Act::health, true},
     {"GET", "/readyz", Act::ready, true},
     {"GET", "/metrics", Act::metrics, true},
     {"GET", "/.well-known/jwks.json", Act::keys, true},
     {"GET", "/openapi.json", Act::description, true}}};

// The segments that "{…}" stand for, empty where there are none; nullopt: another path.
using Holes = std::array<std::string_view, 2>;
std::optional<Holes> match(std::string_view pattern, std::string_view path) {
    Holes holes;
    std::size_t filled = 0;
    auto segment = [](std::string_view& rest) {
        auto end = std::min(rest.find('/', 1), rest.size());
        auto first = rest.substr(0, end);
        rest.remove_prefix(end);
        return first;
    };
    while (!pattern.empty() && !path.empty()) {
        auto wanted = segment(pattern);
        auto got = segment(path);
        if (wanted == got) continue;
        bool hole = wanted.starts_with("/{") && got.starts_with('/') && got.size() > 1;
        if (!hole) return std::nullopt;
        holes[filled++] = got.substr(1);
    }
    return pattern.empty() && path.empty() ? std::optional{holes} : std::nullopt;
}

// HEAD is GET without its body, which the HTTP server leaves out; a stream has nothing else.
bool takes_head(const Route& route) {
    return route.method == "GET" && route.act != Act::events;
}

struct Found {
    const Route* route = nullptr;
    std::string id;
    std::string inner_id;
    std::string allow;  // methods of this path, when none fits
};
Found find_route(std::string_view method, std::string_view path) {
    Found found;
    for (const Route& route : routes) {
        auto holes = match(route.path, path);
        if (!holes) continue;
        bool fits = route.method == method || (method == "HEAD" && takes_head(route));
        if (fits) return {&route, std::string((*holes)[0]), std::string((*holes)[1]), {}};
        found.allow += (found.allow.empty() ? "" : ", ") + std::string(route.method);
        if (takes_head(route)) found.allow += ", HEAD";
    }
    return found;
}

std::string retry_after(const Failure& failure, core::Instant now) {
    if (!failure.not_before) return std::string(try_again_after);
    auto left = std::chrono::ceil<std::chrono::seconds>(*failure.not_before - now).count();
    return std::to_string(std::max<std::int64_t>(left, 1));
}

net::HttpResponse problem(const Failure& failure, core::Instant now) {
    auto status = wire::status_of(failure);
    auto response = json_answer(status, core::canonical(wire::problem_document(status, failure)),
                                "application/problem+json");
    if (status == 401)
        response.fields.add("WWW-Authenticate",
                            failure.code == "token_missing"
                                ? "Bearer realm=\"countersign\""
                                : "Bearer realm=\"countersign\", error=\"invalid_token\"");
    if (status == 429 || status == 503 || failure.code == "idempotency_running")
        response.fields.add("Retry-After", retry_after(failure, now));
    return response;
}

net::HttpResponse cacheable(std::string body) {
    net::HttpResponse response;
    response.fields.add("Content-Type", "application/json");
    response.fields.add("Cache-Control", "public, max-age=300");
    response.body = std::move(body);
    return response;
}

net::HttpResponse description_for(const net::Fields& asked) {
    static const std::string tag = "\"" + sha256_hex(openapi_document).substr(0, 32) + "\"";
    bool known = std::any_of(asked.begin(), asked.end(), [](const auto& field) {
        return lower_ascii(field.first) == "if-none-match" && field.second.find(tag) != std::string::npos;
    });
    auto response = cacheable(known ? std::string() : std::string(openapi_document));
    if (known) response.status = 304;
    response.fields.add("ETag", tag);
    return response;
}

// What callers may be told of a failure that is not theirs.
Failure told(Failure failure, bool writes) {
    if (failure.trouble == Trouble::timed_out && writes) {
        failure.detail =
            "it is unknown whether this happened: repeat the call with the same Idempotency-Key, or look at "
            "the request";
        failure.code = "outcome_unknown";
    } else if (failure.trouble == Trouble::corrupt) {
        failure.detail = "this request is set aside because its stored record is damaged: tell an admin";
        failure.code = "quarantined";
    }
    return failure;
}

class RealApi final : public Api {
  public:
    RealApi(HttpSettings settings, const app::Runtime& runtime, Parts parts, const SigningKey& key,
            std::vector<Readiness> readiness)
        : settings_(std::move(settings)),
          runtime_(runtime),
          parts_(parts),
          key_(key),
          readiness_(std::move(readiness)),
          gate_({.access_key = settings_.access_key, .requests_per_minute = settings_.requests_per_minute},
                parts.tokens, parts.workloads, runtime),
          requests_(settings_, runtime, parts, key),
          events_(settings_, runtime, parts.roster, parts.log, gate_),
          subscriptions_(settings_, parts.webhooks) {}

    net::HttpHandler handler() override {
        return [this](net::HttpExchange& exchange) { return serve(exchange); };
    }
    rt::asio::awaitable<void> follow() override { return events_.follow(); }
    rt::asio::awaitable<void> note_uses() override { return gate_.note_uses(); }

  private:
    rt::asio::awaitable<void> serve(net::HttpExchange& exchange);
    // How a call went, beside its answer.
    struct Course {
        bool waited = false;
        bool answered = false;
    };
    rt::asio::awaitable<net::HttpResponse> guarded(net::HttpExchange& exchange, Found found, Target target,
                                                   Course& course);
    Later<net::HttpResponse> dispatch(Act act, Call& call);
    Later<net::HttpResponse> subscribing(Act act, Call& call);
    net::HttpResponse open_call(Act act, const net::Fields& asked);

    HttpSettings settings_;
    const app::Runtime& runtime_;
    Parts parts_;
    const SigningKey& key_;
    std::vector<Readiness> readiness_;
    Gate gate_;
    Requests requests_;
    Events events_;
    Subscriptions subscriptions_;
};

rt::asio::awaitable<void> RealApi::serve(net::HttpExchange& exchange) {
    auto begun = runtime_.now();
    const auto& request = exchange.request();
    std::string_view route = "none";
    Course course;
    net::HttpResponse response;
    auto target = split_target(request.target);
    auto found = target ? find_route(request.method, target->path) : Found{};
    if (!target) {
        response = problem(target.error(), begun);
    } else if (found.route == nullptr && found.allow.empty()) {
        response = problem({Trouble::not_found, "there is nothing at this path", "not_found", {}}, begun);
    } else if (found.route == nullptr) {
        response = problem(
            {Trouble::invalid_input, "this path takes " + found.allow, "method_not_allowed", {}}, begun);
        response.fields.add("Allow", found.allow);
    } else if (found.route->open) {
        route = found.route->path;
        response = open_call(found.route->act, request.fields);
    } else {
        route = found.route->path;
        response = co_await guarded(exchange, std::move(found), std::move(*target), course);
    }
    parts_.metrics.answered(route, response.status, runtime_.now() - begun, !course.waited);
    if (course.answered) co_return;
    // Asking starts a watch on the connection, which only a wait is worth.
    if (course.waited && exchange.peer_gone()) {
        exchange.drop();
        co_return;
    }
    co_await exchange.respond(std::move(response));
}

rt::asio::awaitable<net::HttpResponse> RealApi::guarded(net::HttpExchange& exchange, Found found,
                                                        Target target, Course& course) {
    const Route& route = *found.route;
    auto deadline = runtime_.within(call_patience);
    auto caller = co_await gate_.caller(exchange.request(), deadline);
    if (!caller) co_return problem(told(std::move(caller).error(), false), runtime_.now());
    Call call{exchange,           std::move(target), std::move(found.id), std::move(found.inner_id),
              std::move(*caller), deadline};
    auto answer = co_await dispatch(route.act, call);
    course = {call.waited, call.answered};
    if (answer && call.waited && !call.answered) {
        // The token may have been revoked meanwhile.
        auto again = runtime_.within(call_patience);
        auto welcome = co_await gate_.again(std::move(call.caller), exchange.request(), again);
        if (!welcome) co_return problem(told(std::move(welcome).error(), false), runtime_.now());
    }
    if (answer) co_return std::move(*answer);
    auto failure = told(std::move(answer).error(), route.method != "GET");
    if (wire::status_of(failure) >= 500)
        log::warn("http", "{} {}: {} ({})", route.method, route.path, failure.detail,
                  name_of(failure.trouble));
    co_return problem(failure, runtime_.now());
}

Later<net::HttpResponse> RealApi::dispatch(Act act, Call& call) {
    switch (act) {
        case Act::create:
            return requests_.create(call);
        case Act::list:
            return requests_.list(call);
        case Act::show:
            return requests_.show(call);
        case Act::vote:
            return requests_.vote(call);
        case Act::cancel:
            return requests_.cancel(call);
        case Act::claim:
            return requests_.claim(call);
        case Act::events:
            return events_.answer(call);
        case Act::outcome:
            return requests_.outcome(call);
        default:
            return subscribing(act, call);
    }
}

Later<net::HttpResponse> RealApi::subscribing(Act act, Call& call) {
    switch (act) {
        case Act::subscribe:
            co_return co_await subscriptions_.create(call);
        case Act::subscriptions:
            co_return co_await subscriptions_.list(call);
        case Act::subscription:
            co_return co_await subscriptions_.show(call);
        case Act::unsubscribe:
            co_return co_await subscriptions_.remove(call);
        case Act::deliveries:
            co_return co_await subscriptions_.deliveries(call);
        case Act::delivery:
            co_return co_await subscriptions_.delivery(call);
        case Act::redeliver:
            co_return co_await subscriptions_.redeliver(call);
        case Act::test:
            co_return co_await subscriptions_.test(call);
        default:
            co_return co_await subscriptions_.rotate(call);
    }
}

net::HttpResponse RealApi::open_call(Act act, const net::Fields& asked) {
    using core::Value;
    if (act == Act::health) return json_answer(200, core::canonical(Value::object({{"status", "ok"}})));
    if (act == Act::keys) return cacheable(core::canonical(key_set(key_)));
    if (act == Act::description) return description_for(asked);
    if (act == Act::metrics) {
        parts_.metrics.waiting(parts_.requests.waiting(), events_.streams());
        return json_answer(200, parts_.metrics.text(), "text/plain; version=0.0.4; charset=utf-8");
    }
    auto reasons = Value::array();
    for (const auto& dependency : readiness_)
        if (auto reason = dependency.problem(); !reason.empty())
            reasons.push(dependency.name + ": " + reason);
    if (reasons.items()->empty())
        return json_answer(200, core::canonical(Value::object({{"status", "ready"}})));
    return json_answer(503, core::canonical(Value::object({{"status", "unready"}, {"reasons", reasons}})));
}

}  // namespace

std::vector<std::pair<std::string_view, std::string_view>> calls() {
    std::vector<std::pair<std::string_view, std::string_view>> all;
    for (const Route& route : routes) all.emplace_back(route.method, route.path);
    return all;
}

std::unique_ptr<Api> make_api(HttpSettings settings, const app::Runtime& runtime, Parts parts,
                              const SigningKey& signing_key, std::vector<Readiness> readiness) {
    return std::make_unique<RealApi>(std::move(settings), runtime, parts, signing_key, std::move(readiness));
}

}  // namespace countersign::http
