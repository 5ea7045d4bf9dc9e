#include "http/receipt_calls.hpp"

#include <fmt/core.h>

#include <utility>

#include "countersign/base/markup.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/card_sections.hpp"
#include "countersign/net/html_response.hpp"
#include "countersign/net/url.hpp"
#include "countersign/pages/page.hpp"
#include "countersign/wire/html_card.hpp"
#include "countersign/wire/problem.hpp"
#include "countersign/wire/timeline.hpp"
#include "http/assets.hpp"

namespace countersign::http {
namespace {

using core::Value;

constexpr core::Duration receipt_patience{std::chrono::seconds{5}};
constexpr std::size_t form_bytes_max = 16 * 1024;  // a token of an issuer may be long
constexpr std::string_view root = "../";

constexpr std::string_view token_form =
    "<form method=\"post\" class=\"screen\">\n<p><label for=\"token\">A token that may read this "
    "request:</label></p>\n<p><input id=\"token\" name=\"token\" type=\"password\" autocomplete=\"off\" "
    "required> <button>Show</button></p>\n</form>\n";

// What is told of a failure, and how the reader may get further.
net::HttpResponse refusal_page(const Failure& failure) {
    const bool missing = failure.code == "token_missing";
    const auto status = failure.code == "undecided" ? 404 : wire::status_of(failure);
    pages::Page page{.title = "Receipt", .body = "<main>\n<h1>Receipt</h1>\n", .root = root};
    page.body += fmt::format(
        "<p>{}</p>\n",
        escape_markup(missing ? std::string("This page opens with the link on a card, or with a token.")
                              : "Not shown: " + visible(failure.detail) + "."));
    if (status == 401 || status == 403) page.body += token_form;
    page.body += "</main>\n";
    auto response = net::html_response(status, pages::html_page(page));
    if (status == 401) response.fields.add("WWW-Authenticate", "Bearer realm=\"countersign\"");
    if (status == 503 || status == 429) response.fields.add("Retry-After", "1");
    return response;
}

// Makes a request that looks as if the token of the page's form stood in its Authorization header.
Result<net::HttpRequest> with_form_token(const net::HttpRequest& request) {
    if (request.method != "POST") return request;
    auto type = request.fields.find("Content-Type");
    auto form = type && type->starts_with("application/x-www-form-urlencoded") &&
                        request.body.size() <= form_bytes_max
                    ? net::parse_form(request.body)
                    : std::nullopt;
    if (!form || form->size() != 1 || form->front().first != "token")
        return fail(Trouble::invalid_input, "this form has one field, the token", "bad_form");
    net::HttpRequest made{request.method, request.target, {}, {}, request.peer};
    made.fields.add("Authorization", "Bearer " + std::string(trim(form->front().second)));
    return made;
}

std::string row(std::string_view head, std::string_view html) {
    return fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", escape_markup(head), html);
}

std::string fact_rows(const core::CardView& card) {
    std::string rows;
    rows += row("Request", "<code>" + card.id.text() + "</code>");
    rows += row("Digest", "<code>" + escape_markup(visible(card.digest)) + "</code>");
    if (!card.rules.empty()) rows += row("Rules", escape_markup(visible(join(card.rules, ", "))));
    rows += row("Asked", wire::html_moment(card.created_at));
    if (card.decided_at) rows += row("Decided", wire::html_moment(*card.decided_at));
    if (card.claimed_at) rows += row("Used", wire::html_moment(*card.claimed_at));
    if (card.ended_at) rows += row("Ended", wire::html_moment(*card.ended_at));
    return "<section>\n<h2>In short</h2>\n<table>\n" + rows + "</table>\n</section>\n";
}

// One change of a request's timeline, as cells.
std::string change_row(const Value& change, bool erased) {
    auto shown = [&](std::string_view member) {
        std::string_view text = change[member].text();
        return text.empty() || !erased ? escape_markup(visible(text)) : std::string("(erased)");
    };
    std::string what(change["what"].text());
    if (what == "omitted") what = fmt::format("{} more", change["count"].whole());
    for (std::string_view more : {"verdict", "status"})
        if (!change[more].text().empty()) what += ": " + std::string(change[more].text());
    auto at = core::parse_rfc3339(change["at"].text());
    return fmt::format(
        "<tr><td>{}</td><td><strong>{}</strong></td><td><bdi>{}</bdi>{}</td><td><bdi "
        "class=\"prose\">{}</bdi></td></tr>\n",
        at ? wire::html_moment(*at) : "", escape_markup(visible(what)), shown("who"),
        change["via"].text().empty()
            ? ""
            : " <span class=\"dim\">" + escape_markup(change["via"].text()) + "</span>",
        shown("reason"));
}

std::string timeline_part(const core::Case& c, const core::Directory& directory) {
    std::string rows = "<tr class=\"head\"><th>When</th><th>What</th><th>Who</th><th>Why</th></tr>\n";
    const Value timeline = wire::timeline_of(c, directory);
    for (const Value& change : *timeline.items()) rows += change_row(change, c.request->words_erased);
    return "<section>\n<h2>What happened</h2>\n<table>\n" + rows + "</table>\n</section>\n";
}

std::string block(std::string_view heading, std::string_view id, std::string_view text) {
    return fmt::format("<h2>{}</h2>\n<pre id=\"{}\">{}</pre>\n", heading, id, escape_markup(text));
}

}  // namespace

std::vector<Route> ReceiptCalls::routes() {
    OpenHandler handler = [this](net::HttpExchange& exchange, const net::PathArguments& arguments) {
        return page(exchange, arguments);
    };
    return {{.method = "GET", .path = "/r/{id}", .handler = handler, .page = true},
            {.method = "POST", .path = "/r/{id}", .handler = handler, .page = true},
            assets_route()};
}

rt::asio::awaitable<net::HttpResponse> ReceiptCalls::page(net::HttpExchange& exchange,
                                                          net::PathArguments arguments) {
    const auto deadline = runtime_.within(receipt_patience);
    auto target = split_target(exchange.request().target);
    if (!target) co_return refusal_page(target.error());
    Result<Shown> shown = fail(Trouble::unauthenticated, "", "token_missing");
    if (exchange.request().method == "GET" && target->find("signature"))
        shown = co_await by_link(arguments.front(), *target, deadline);
    else
        shown = co_await by_token(exchange, std::move(*target), std::move(arguments), deadline);
    if (!shown) co_return refusal_page(shown.error());
    auto proof = co_await proof_part(*shown, deadline);
    if (!proof) co_return refusal_page(proof.error());
    const auto& now = *shown->now;
    const auto card = core::card(now.c, now.ruling, *parts_.roster.snapshot(), core::Surface::api);
    const pages::Page page{
        .title = fmt::format("#{} {}: {}", card.number, core::state_text(card), core::headline_text(card)),
        .body = story(*shown) + *proof,
        .script = "receipt.js",
        .root = root};
    co_return net::html_response(200, pages::html_page(page), {.scripts = true});
}

Later<ReceiptCalls::Shown> ReceiptCalls::by_link(std::string_view id, const Target& target,
                                                 Deadline deadline) {
    auto request = core::RequestId::parse(id);
    if (!request || parts_.receipts == nullptr)
        co_return fail(Trouble::unauthenticated, "this is no link of ours", "link_invalid");
    auto good = parts_.receipts->check(*request, target.find("until").value_or(""),
                                       target.find("signature").value_or(""), runtime_.now());
    if (!good) co_return pass(good);
    auto now = co_await parts_.requests.read(*request, deadline);
    if (!now) co_return pass(now);
    co_return Shown{.now = std::move(*now)};
}

Later<ReceiptCalls::Shown> ReceiptCalls::by_token(net::HttpExchange& exchange, Target target,
                                                  net::PathArguments arguments, Deadline deadline) {
    auto request = with_form_token(exchange.request());
    if (!request) co_return pass(request);
    auto caller = co_await gate_.caller(*request, deadline);
    if (!caller) co_return pass(caller);
    target.query.clear();  // of a link that has ended
    Call call{exchange, std::move(target), std::move(arguments), std::move(*caller), deadline};
    auto now = co_await requests_.readable(call);
    if (!now) co_return pass(now);
    co_return Shown{.now = std::move(*now), .all = true};
}

std::string ReceiptCalls::story(const Shown& shown) const {
    const auto& now = *shown.now;
    auto directory = parts_.roster.snapshot();
    const auto card = core::card(now.c, now.ruling, *directory, core::Surface::api);
    std::string html =
        fmt::format("<main id=\"receipt\" data-request=\"{}\" data-digest=\"{}\"{}", card.id.text(),
                    escape_markup(card.digest), card.words_erased ? " data-erased" : "");
    html += ">\n";
    if (card.words_erased)
        html +=
            "<p class=\"dim\">The words of this request were erased: what people wrote, and who they "
            "are. What it came to, and its proof, stay.</p>\n";
    html += wire::html_sections(shown.all ? core::uncut_card(card) : core::card_text(card).sections);
    if (!shown.all) return html;
    return html + fact_rows(card) + timeline_part(now.c, *directory);
}

Later<std::string> ReceiptCalls::proof_part(const Shown& shown, Deadline deadline) {
    if (core::open(shown.now->ruling.state))
        co_return std::string("<p>Nothing is decided yet, so there is nothing to prove.</p>\n</main>\n");
    auto evidence = co_await evidence_.evidence_of(shown.now->c, shown.all, deadline);
    if (!evidence && evidence.error().code == "not_published")
        co_return std::string(
            "<p id=\"verdict\" role=\"status\">The proof is published within seconds: load this page "
            "again.</p>\n</main>\n");
    if (!evidence) co_return pass(evidence);
    std::string html =
        "<p id=\"verdict\" role=\"status\">Not checked by this browser, which takes "
        "JavaScript: the proof below can be checked with other tools.</p>\n"
        "<section id=\"signed\"></section>\n<details>\n<summary>The proof</summary>\n";
    html += fmt::format(
        "<p class=\"dim\">Everything rests on the keys: compare them with the <a "
        "href=\"{}.well-known/countersign-keys.json\">published ones</a>, or with what the "
        "operator gave you on another way.</p>\n",
        root);
    if (!evidence->envelope.empty()) html += block("Signed statement (DSSE)", "decision", evidence->envelope);
    html += fmt::format("<h2>Event <span id=\"index\">{}</span> of the log</h2>\n<pre id=\"leaf\">{}</pre>\n",
                        evidence->index, escape_markup(evidence->leaf));
    html += block("Its place in the log (tlog-proof)", "proof", evidence->proof);
    html += block("Keys", "keys", evidence_.keys_text());
    html += fmt::format("</details>\n<p class=\"dim\">{}</p>\n</main>\n",
                        shown.all ? "Shown to a token: all that is on record."
                                  : "Shown to whoever has this link, for 30 days after the decision: what "
                                    "the card shows. The rest, and the signed statement, take a token.");
    co_return html;
}

}  // namespace countersign::http
