#include "countersign/adapters/web.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/card.hpp"
#include "countersign/core/card_sections.hpp"
#include "countersign/net/html_response.hpp"
#include "countersign/net/url.hpp"
#include "web/approval_page.hpp"
#include "web/sessions.hpp"
#include "web/terminals.hpp"

namespace countersign::web {
namespace {

using net::HttpResponse;
using rt::asio::awaitable;

constexpr core::Duration call_patience = std::chrono::seconds{10};
constexpr std::size_t query_bytes_max = 8'192;

constexpr std::string_view press_again =
    "Press Approve on the card in the chat again, and follow the new link.";

using Form = std::map<std::string, std::string>;

// nullopt: it is no form, or a name comes twice.
std::optional<Form> read_form(std::string_view text) {
    auto pairs = net::parse_form(text);
    if (!pairs) return std::nullopt;
    Form form;
    for (auto& [name, value] : *pairs)
        if (!form.emplace(std::move(name), std::move(value)).second) return std::nullopt;
    return form;
}

// Browsers end the lines of a form's texts with CR and LF.
std::string with_line_ends(std::string_view text) {
    std::string plain;
    for (char c : text)
        if (c != '\r') plain += c;
    return std::string(trim(plain));
}

class RealWeb final : public Web {
  public:
    RealWeb(WebSettings settings, const app::Runtime& runtime, Parts parts)
        : public_url_(std::move(settings.public_url)),
          runtime_(runtime),
          parts_(parts),
          sessions_(runtime, settings.key, public_url_),
          terminals_(runtime, settings.key, parts) {
        while (public_url_.ends_with('/')) public_url_.pop_back();
    }

    std::vector<net::Route> routes() override;

  private:
    awaitable<HttpResponse> show(net::HttpExchange& exchange, const net::PathArguments& arguments);
    awaitable<HttpResponse> send_away(std::string signed_link, app::SignInLink link);
    awaitable<HttpResponse> come_back(net::HttpExchange& exchange, const net::PathArguments& arguments);
    awaitable<HttpResponse> approve(net::HttpExchange& exchange, const net::PathArguments& arguments);

    // What the rules say of this approval before it is cast.
    struct Tried {
        app::CasePtr now;
        std::optional<core::Refusal> refusal;
    };
    // A browser with the link that it follows, once somebody has signed in for it.
    struct Visit {
        std::string signed_link;
        app::SignInLink link;
        Session session;
    };
    HttpResponse page(unsigned status, const Visit& visit, const app::CaseNow& now, std::string reason,
                      std::string problem) const;
    Later<Tried> attempt(const Visit& visit, Deadline deadline);
    static core::Cast cast_of(const Visit& visit);
    std::optional<Session> session_of(const net::HttpRequest& request, const app::SignInLink& link) const;
    std::string returns_to() const { return public_url_ + std::string(callback_path); }

    std::string public_url_;
    const app::Runtime& runtime_;
    Parts parts_;
    Sessions sessions_;
    Terminals terminals_;
};

// What can still be put right on the page itself.
bool lacks_words(const core::Refusal& refusal) {
    return refusal.why == core::Why::reason_required || refusal.why == core::Why::confirmation_required;
}

HttpResponse no_link() {
    return words_page(404, "This link is not known",
                      "It may have been cut when it was copied. " + std::string(press_again));
}

HttpResponse in_trouble(const Failure& failure) {
    if (failure.trouble == Trouble::unauthenticated)
        return words_page(403, "Not signed in", failure.detail + ". " + std::string(press_again));
    if (failure.trouble == Trouble::not_found)
        return words_page(404, "Not found", "The request is not known here any more.");
    log::warn("web", "{} ({})", failure.detail, name_of(failure.trouble));
    return words_page(
        503, "Not possible right now",
        failure.code == "issuer_unreachable"
            ? "The OpenID provider cannot be reached. Nothing was recorded: try again in a minute."
            : "The approval service is in trouble right now. If you have pressed Approve, the "
              "card tells whether it was recorded; else try again in a minute.");
}

std::vector<net::Route> RealWeb::routes() {
    auto routes = terminals_.routes();
    auto add = [&](std::string method, std::string path, auto member) {
        routes.push_back({std::move(method), std::move(path),
                          [this, member](net::HttpExchange& exchange, const net::PathArguments& arguments) {
                              return (this->*member)(exchange, arguments);
                          }});
    };
    add("GET", "/approve/{link}", &RealWeb::show);
    add("POST", "/approve/{link}", &RealWeb::approve);
    add("GET", std::string(callback_path), &RealWeb::come_back);
    return routes;
}

std::optional<Session> RealWeb::session_of(const net::HttpRequest& request,
                                           const app::SignInLink& link) const {
    auto session = sessions_.session(request.fields);
    if (!session || session->link_id != link.id) return std::nullopt;
    return session;
}

core::Cast RealWeb::cast_of(const Visit& visit) {
    return {.account = visit.link.account,
            .verdict = core::Verdict::approve,
            .reason = visit.link.reason,
            .via = visit.link.via,
            .shown_digest = {},
            .sign_in = visit.session.sign_in};
}

// ---- to the provider and back

awaitable<HttpResponse> RealWeb::show(net::HttpExchange& exchange, const net::PathArguments& arguments) {
    auto link = parts_.links.read(arguments.front());
    if (!link) co_return no_link();
    auto session = session_of(exchange.request(), *link);
    if (!session) {
        if (runtime_.now() > link->until) co_return words_page(410, "This link has run out", press_again);
        co_return co_await send_away(arguments.front(), std::move(*link));
    }
    const Visit visit{arguments.front(), std::move(*link), std::move(*session)};
    auto tried = co_await attempt(visit, runtime_.within(call_patience));
    if (!tried) co_return in_trouble(tried.error());
    // Who cannot approve it is shown nothing of it here.
    if (tried->refusal && !lacks_words(*tried->refusal)) {
        log::info("web", "{} is not put before {} ({}): {}", visit.link.request.text(),
                  visible(visit.link.account.text()), visible(visit.session.sign_in.account.text()),
                  core::code_of(tried->refusal->why));
        co_return words_page(403, fmt::format("Request #{}: not approved", tried->now->c.request->number),
                             tried->refusal->sentence);
    }
    co_return page(200, visit, *tried->now, visit.link.reason, {});
}

// The levels that would do for every rule come along, so that the provider knows what is asked for.
std::vector<std::string> levels_of(const core::Applied& applied) {
    std::vector<std::string> levels;
    for (const core::StepUp& one : applied.step_up)
        for (const std::string& level : one.acr)
            if (std::ranges::find(levels, level) == levels.end()) levels.push_back(level);
    return levels;
}

awaitable<HttpResponse> RealWeb::send_away(std::string signed_link, app::SignInLink link) {
    const auto deadline = runtime_.within(call_patience);
    auto now = co_await parts_.requests.read_any_version(link.request, deadline);
    if (!now) co_return in_trouble(now.error());
    Journey journey{.link = std::move(signed_link),
                    .state = app::random_text(runtime_.entropy),
                    .nonce = app::random_text(runtime_.entropy),
                    .verifier = app::random_text(runtime_.entropy),
                    .begun = runtime_.now()};
    app::SignInAsk ask{.returns_to = returns_to(),
                       .state = journey.state,
                       .nonce = journey.nonce,
                       .challenge = base64url(as_text(sha256(journey.verifier))),
                       .acr = levels_of((*now)->c.applied)};
    auto address = co_await parts_.provider.address(std::move(ask), deadline);
    if (!address) co_return in_trouble(address.error());
    auto response = net::see_other(std::move(*address));
    sessions_.begin(response, journey);
    co_return response;
}

awaitable<HttpResponse> RealWeb::come_back(net::HttpExchange& exchange, const net::PathArguments&) {
    const auto& request = exchange.request();
    const auto question = request.target.find('?');
    auto query = question == std::string::npos || request.target.size() > query_bytes_max
                     ? std::nullopt
                     : read_form(std::string_view(request.target).substr(question + 1));
    auto journey = sessions_.journey(request.fields);
    // The cookie says that it is this very browser that set out; without it, somebody else's sign-in could be
    // put into it.
    if (!query || !journey || !equal_in_constant_time((*query)["state"], journey->state))
        co_return words_page(
            400, "Not signed in",
            "This sign-in was not begun in this browser, or it took too long. " + std::string(press_again));
    auto link = parts_.links.read(journey->link);
    const auto& named = (*query)["iss"];
    if (!link || (!named.empty() && named != parts_.provider.issuer())) co_return no_link();
    if (!(*query)["error"].empty())
        co_return words_page(403, "Not signed in",
                             fmt::format("The OpenID provider says: {}. Nothing was recorded. {}",
                                         visible(clip_utf8((*query)["error"], 100)), press_again));
    auto signed_in = co_await parts_.provider.finish({.code = (*query)["code"],
                                                      .verifier = std::move(journey->verifier),
                                                      .returns_to = returns_to(),
                                                      .nonce = std::move(journey->nonce),
                                                      .asked_at = journey->begun},
                                                     runtime_.within(call_patience));
    if (!signed_in) co_return in_trouble(signed_in.error());
    log::info("web", "{} signed in for {} and {}", visible(signed_in->account.text()), link->request.text(),
              visible(link->account.text()));
    Session session{.link_id = link->id, .sign_in = std::move(*signed_in), .until = {}};
    session.until = session.sign_in.at + core::sign_in_age_max;
    auto response = net::see_other(public_url_ + "/approve/" + journey->link);
    sessions_.end_journey(response);
    sessions_.open(response, session);
    co_return response;
}

// ---- the approval

Later<RealWeb::Tried> RealWeb::attempt(const Visit& visit, Deadline deadline) {
    const auto& link = visit.link;
    auto now = co_await parts_.requests.read(link.request, deadline);
    if (!now) co_return pass(now);
    auto groups = core::all_groups_of((*now)->c.applied);
    // Where the chat cannot be asked, what is too old is told as a refusal.
    co_await parts_.roster.ensure(link.account, groups, deadline);
    auto tried = core::advance((*now)->c, cast_of(visit), *parts_.roster.snapshot(), runtime_.now(),
                               parts_.roster.age_max());
    co_return Tried{std::move(*now), std::move(tried.refusal)};
}

HttpResponse RealWeb::page(unsigned status, const Visit& visit, const app::CaseNow& now, std::string reason,
                           std::string problem) const {
    const auto& [signed_link, link, session] = visit;
    auto directory = parts_.roster.snapshot();
    const auto& applied = now.c.applied;
    const auto standing = core::standing(now.c, *directory, link.account);
    ApprovalPage page{.card = core::card(now.c, now.ruling, *directory, link.via),
                      .account = session.sign_in.account.text(),
                      .voter = directory->person_of(link.account).text(),
                      .action = "/approve/" + signed_link,
                      .token = {},
                      .reason = std::move(reason),
                      .problem = std::move(problem)};
    page.token = sessions_.form_token(session, page.card.id.text(), page.card.digest);
    page.own = standing.behind;
    page.reason_required = applied->reason_required || (standing.behind && applied->self_approval &&
                                                        applied->self_approval->reason_required);
    page.resource_typed = applied->resource_typed;
    return approval_page(status, page);
}

awaitable<HttpResponse> RealWeb::approve(net::HttpExchange& exchange, const net::PathArguments& arguments) {
    const auto& request = exchange.request();
    auto link = parts_.links.read(arguments.front());
    if (!link) co_return no_link();
    auto session = session_of(request, *link);
    if (!session)
        co_return words_page(403, "Not signed in", "Your sign-in has run out. " + std::string(press_again));
    auto form = read_form(request.body);
    const auto digest = form ? (*form)["digest"] : std::string{};
    const bool own_form = form && net::from_own_page(request.fields, public_url_) &&
                          equal_in_constant_time(
                              (*form)["token"], sessions_.form_token(*session, link->request.text(), digest));
    if (!own_form) {
        log::warn("web", "a form that is none of ours was sent for {}", link->request.text());
        co_return words_page(
            403, "Not recorded",
            "This was not sent from the page that shows the request. " + std::string(press_again));
    }
    const Visit visit{arguments.front(), std::move(*link), std::move(*session)};
    auto cast = cast_of(visit);
    cast.shown_digest = digest;
    cast.reason = with_line_ends((*form)["reason"]);
    cast.typed_resource = (*form)["resource"];
    auto reason = cast.reason;
    auto answer = co_await parts_.requests.vote(visit.link.request, std::move(cast),
                                                app::Origin{"sign-in:" + visit.link.id},
                                                runtime_.within(call_patience));
    if (!answer) co_return in_trouble(answer.error());
    const auto& now = *answer->now;
    if (answer->refusal && lacks_words(*answer->refusal))
        co_return page(422, visit, now, std::move(reason), answer->refusal->sentence);
    auto response = answer->refusal
                        ? words_page(403, fmt::format("Request #{}: not approved", now.c.request->number),
                                     answer->refusal->sentence)
                        : words_page(200, "Your approval is recorded",
                                     core::recorded_sentence(core::Verdict::approve, now.c, now.ruling) +
                                         " You can close this page.");
    sessions_.close(response);
    co_return response;
}

}  // namespace

std::unique_ptr<Web> make_web(WebSettings settings, const app::Runtime& runtime, Parts parts) {
    return std::make_unique<RealWeb>(std::move(settings), runtime, parts);
}

}  // namespace countersign::web
