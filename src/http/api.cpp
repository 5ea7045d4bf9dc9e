#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <utility>

#include "countersign/adapters/http.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/problem.hpp"
#include "http/event_calls.hpp"
#include "http/evidence_calls.hpp"
#include "http/gate.hpp"
#include "http/hook_calls.hpp"
#include "http/openapi.hpp"
#include "http/receipt_calls.hpp"
#include "http/request_calls.hpp"
#include "http/subscription_calls.hpp"
#include "http/vote_question_calls.hpp"

namespace countersign::http {
namespace {

constexpr core::Duration call_patience{std::chrono::seconds{5}};  // for the database, beside deliberate waits
constexpr std::string_view try_again_after = "1";

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
    RealApi(HttpSettings settings, const app::Runtime& runtime, Parts parts, SigningKeys keys,
            std::function<std::vector<Readiness>()> readiness)
        : settings_(std::move(settings)),
          runtime_(runtime),
          parts_(parts),
          readiness_(std::move(readiness)),
          gate_({.access_key = settings_.access_key, .requests_per_minute = settings_.requests_per_minute},
                parts.tokens, parts.workloads, runtime),
          requests_(settings_, runtime, parts, keys),
          evidence_(settings_, runtime, parts, keys, requests_),
          events_(settings_, runtime, parts.roster, parts.log, gate_),
          subscriptions_(settings_, parts.webhooks),
          hooks_(runtime, parts),
          vote_questions_(runtime, parts, requests_),
          receipts_(runtime, parts, gate_, requests_, evidence_) {
        for (auto& route : requests_.routes()) router_.add(std::move(route));
        for (auto& route : evidence_.routes()) router_.add(std::move(route));
        for (auto& route : events_.routes()) router_.add(std::move(route));
        for (auto& route : subscriptions_.routes()) router_.add(std::move(route));
        for (auto& route : hooks_.routes()) router_.add(std::move(route));
        for (auto& route : vote_questions_.routes()) router_.add(std::move(route));
        for (auto& route : receipts_.routes()) router_.add(std::move(route));
        add_open("/healthz", [](const net::HttpRequest&) {
            return json_answer(200, core::canonical(core::Value::object({{"status", "ok"}})));
        });
        add_open("/readyz", [this](const net::HttpRequest&) { return ready(); });
        add_open("/metrics", [this](const net::HttpRequest&) { return metrics(); });
        add_open("/.well-known/jwks.json", [this](const net::HttpRequest&) {
            return cacheable(core::canonical(key_set(settings_.public_keys.grant)));
        });
        add_open("/openapi.json",
                 [](const net::HttpRequest& request) { return description_for(request.fields); });
    }

    net::HttpHandler handler() override {
        return [this](net::HttpExchange& exchange) { return serve(exchange); };
    }
    net::HttpDoorkeeper doorkeeper() override {
        return [this](const net::HttpRequest& head) { return keep_door(head); };
    }
    net::HttpRefusalWords refusal_words() override {
        return [this](const net::HttpRequest& head, net::HttpResponse refusal) {
            return reworded(head, std::move(refusal));
        };
    }
    void add(net::Route route) override {
        router_.add({std::move(route.method), std::move(route.path), std::move(route.answer)});
    }
    std::vector<std::pair<std::string, std::string>> calls() const override { return router_.all(); }
    rt::asio::awaitable<void> follow() override { return events_.follow(); }
    rt::asio::awaitable<void> note_uses() override { return gate_.note_uses(); }

  private:
    // A GET without a token that is answered at once.
    template <class Answer>
    void add_open(std::string path, Answer answer) {
        add({"GET", std::move(path),
             [answer](net::HttpExchange& exchange, const net::PathArguments&)
                 -> rt::asio::awaitable<net::HttpResponse> { co_return answer(exchange.request()); }});
    }
    net::HttpResponse ready() const;
    net::HttpResponse metrics();

    rt::asio::awaitable<void> serve(net::HttpExchange& exchange);
    rt::asio::awaitable<std::optional<net::HttpResponse>> keep_door(const net::HttpRequest& head);
    net::HttpResponse reworded(const net::HttpRequest& head, net::HttpResponse refusal) const;
    // How a call went, beside its answer.
    struct Course {
        bool waited = false;
    };
    rt::asio::awaitable<net::HttpResponse> answer(net::HttpExchange& exchange, Router::Match match,
                                                  Target target, Course& course);
    net::HttpResponse refusal(const Route& route, const Failure& failure) const;
    rt::asio::awaitable<net::HttpResponse> answer_caller(Call call, const Route& route, Course& course);

    HttpSettings settings_;
    const app::Runtime& runtime_;
    Parts parts_;
    std::function<std::vector<Readiness>()> readiness_;
    Gate gate_;
    RequestCalls requests_;
    EvidenceCalls evidence_;
    EventCalls events_;
    SubscriptionCalls subscriptions_;
    HookCalls hooks_;
    VoteQuestionCalls vote_questions_;
    ReceiptCalls receipts_;
    Router router_;
};

net::HttpResponse RealApi::ready() const {
    auto reasons = core::Value::array();
    auto warnings = core::Value::array();
    auto notes = core::Value::array();  // warnings whatever else is the matter
    bool any_of_several = false;
    for (const auto& dependency : readiness_()) {
        bool several = dependency.weight == Readiness::Weight::one_of_several;
        auto problem = dependency.problem();
        if (dependency.weight == Readiness::Weight::only_told) {
            if (!problem.empty()) notes.push(dependency.name + ": " + problem);
            continue;
        }
        any_of_several = any_of_several || (several && problem.empty());
        if (!problem.empty()) (several ? warnings : reasons).push(dependency.name + ": " + problem);
    }
    if (!any_of_several) {
        for (const auto& warning : *warnings.items()) reasons.push(warning);
        warnings = core::Value::array();
    }
    for (const auto& one : *notes.items()) warnings.push(one);
    bool fine = reasons.items()->empty();
    auto document = core::Value::object({{"status", fine ? "ready" : "unready"}});
    if (!fine) document.set("reasons", std::move(reasons));
    if (!warnings.items()->empty()) document.set("warnings", std::move(warnings));
    return json_answer(fine ? 200 : 503, core::canonical(document));
}

net::HttpResponse RealApi::metrics() {
    parts_.metrics.waiting(parts_.requests.waiting(), events_.streams());
    if (parts_.measures) parts_.metrics.measured(parts_.measures());
    return json_answer(200, parts_.metrics.text(), "text/plain; version=0.0.4; charset=utf-8");
}

rt::asio::awaitable<void> RealApi::serve(net::HttpExchange& exchange) {
    auto begun = runtime_.now();
    const auto& request = exchange.request();
    std::string_view route = "none";
    Course course;
    net::HttpResponse response;
    auto target = split_target(request.target);
    auto match = target ? router_.find(request.method, target->path) : Router::Match{};
    if (!target) {
        response = problem(target.error(), begun);
    } else if (match.route == nullptr && match.allow.empty()) {
        response = problem({Trouble::not_found, "there is nothing at this path", "not_found", {}}, begun);
    } else if (match.route == nullptr) {
        response = problem(
            {Trouble::invalid_input, "this path takes " + match.allow, "method_not_allowed", {}}, begun);
        response.fields.add("Allow", match.allow);
    } else {
        route = match.route->path;
        response = co_await answer(exchange, std::move(match), std::move(*target), course);
    }
    // By a stream or a WebSocket, which has ended by now.
    const bool answered = exchange.answered();
    if (answered) course.waited = true;
    parts_.metrics.answered(route, response.status, runtime_.now() - begun, !course.waited);
    if (answered) co_return;
    // Asking starts a watch on the connection, which only a wait is worth.
    if (course.waited && exchange.peer_gone()) {
        exchange.drop();
        co_return;
    }
    co_await exchange.respond(std::move(response));
}

rt::asio::awaitable<std::optional<net::HttpResponse>> RealApi::keep_door(const net::HttpRequest& head) {
    auto target = split_target(head.target);
    if (!target) co_return problem(target.error(), runtime_.now());
    auto match = router_.find(head.method, target->path);
    bool known = match.route != nullptr && std::holds_alternative<CallerHandler>(match.route->handler);
    if (!known) co_return std::nullopt;
    auto welcome = co_await gate_.may_enter(head, runtime_.within(call_patience));
    if (welcome) co_return std::nullopt;
    co_return refusal(*match.route, told(std::move(welcome).error(), false));
}

net::HttpResponse RealApi::reworded(const net::HttpRequest& head, net::HttpResponse refusal) const {
    auto target = split_target(head.target);
    if (!target) return refusal;
    auto match = router_.find(head.method, target->path);
    if (match.route == nullptr || !match.route->told) return refusal;
    return match.route->told({Trouble::invalid_input,
                              fmt::format("the call could not be read (HTTP {})", refusal.status),
                              {},
                              {}});
}

rt::asio::awaitable<net::HttpResponse> RealApi::answer(net::HttpExchange& exchange, Router::Match match,
                                                       Target target, Course& course) {
    if (const auto* open = std::get_if<OpenHandler>(&match.route->handler))
        co_return co_await (*open)(exchange, match.arguments);
    auto deadline = runtime_.within(call_patience);
    auto caller = co_await gate_.caller(exchange.request(), deadline);
    if (!caller) co_return refusal(*match.route, told(std::move(caller).error(), false));
    Call call{exchange, std::move(target), std::move(match.arguments), std::move(*caller), deadline};
    co_return co_await answer_caller(std::move(call), *match.route, course);
}

rt::asio::awaitable<net::HttpResponse> RealApi::answer_caller(Call call, const Route& route, Course& course) {
    auto answer = co_await std::get<CallerHandler>(route.handler)(call);
    course = {call.waited};
    if (answer && call.waited && !call.exchange.answered()) {
        // The token may have been revoked meanwhile.
        auto again = runtime_.within(call_patience);
        auto welcome = co_await gate_.again(std::move(call.caller), call.exchange.request(), again);
        if (!welcome) co_return refusal(route, told(std::move(welcome).error(), false));
    }
    if (answer) co_return std::move(*answer);
    auto failure = told(std::move(answer).error(), route.method != "GET");
    if (wire::status_of(failure) >= 500)
        log::warn("http", "{} {}: {} ({})", route.method, route.path, failure.detail,
                  name_of(failure.trouble));
    co_return refusal(route, failure);
}

net::HttpResponse RealApi::refusal(const Route& route, const Failure& failure) const {
    return route.told ? route.told(failure) : problem(failure, runtime_.now());
}

}  // namespace

net::HttpResponse json_answer(unsigned status, std::string body, std::string_view type) {
    net::HttpResponse response;
    response.status = status;
    response.fields.add("Content-Type", std::string(type));
    response.fields.add("Cache-Control", "no-store");
    response.body = std::move(body);
    return response;
}

std::unique_ptr<Api> make_api(HttpSettings settings, const app::Runtime& runtime, Parts parts,
                              SigningKeys keys, std::function<std::vector<Readiness>()> readiness) {
    return std::make_unique<RealApi>(std::move(settings), runtime, parts, keys, std::move(readiness));
}

}  // namespace countersign::http
