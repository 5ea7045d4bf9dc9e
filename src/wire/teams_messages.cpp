#include "countersign/wire/teams_messages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "wire/teams_blocks.hpp"

namespace countersign::wire {

namespace c = cards;

namespace {

constexpr std::size_t line_chars_max = 2'000;
constexpr std::size_t summary_chars_max = 200;
constexpr std::string_view card_type = "application/vnd.microsoft.card.adaptive";
constexpr std::string_view words_type = "application/vnd.microsoft.activity.message";

std::string inert(std::string_view words) {
    auto shown = c::shortened(printable(words), line_chars_max).text;
    return trim(shown).empty() ? "…" : shown;
}

TeamsCard made(c::Items body, c::Items actions, std::string summary) {
    auto card = c::card(std::move(body), std::move(actions), summary);
    return {.card = std::move(card), .summary = std::move(summary)};
}

std::string first_of(const std::vector<std::string>& lines) {
    return c::shortened(inert(lines.empty() ? std::string_view{} : lines.front()), summary_chars_max).text;
}

c::Items said_each(const std::vector<std::string>& lines) {
    c::Items body;
    for (const std::string& line : lines) body.push_back(c::said(inert(line)));
    return body;
}

// A name that says nothing but letters, digits and blanks: mentions stand in text that is read for markup.
std::string plain_name(std::string_view name) {
    std::string plain;
    for (char ch : name) {
        const bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (letter || (ch == ' ' && !plain.empty())) plain += ch;
    }
    constexpr std::size_t chars_max = 60;
    auto shown = std::string(trim(std::string_view{plain}.substr(0, chars_max)));
    return shown.empty() ? "reviewer" : shown;
}

bool object_id(std::string_view id) {
    constexpr std::size_t guid_chars = 36;
    return id.size() == guid_chars && id.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

}  // namespace

TeamsCard teams_thread_line(const core::ThreadLine& line, const TeamsStyle& style) {
    core::CardLine said;
    if (!line.who.name.empty() || line.who.account) {
        said.push_back({.kind = core::CardRun::Kind::people, .people = {line.who}});
        said.push_back({.text = " "});
    }
    auto words = c::shortened(visible(line.text), line_chars_max).text;
    said.push_back({.kind = core::CardRun::Kind::prose, .text = std::move(words)});
    auto summary = inert(core::thread_line_text(line));
    c::Items body;
    for (const c::Json& block : c::line(said, style)) body.push_back(block);
    if (!line.decision.empty())
        for (const c::Json& block :
             c::line({{.kind = core::CardRun::Kind::strong, .text = line.decision}}, style))
            body.push_back(block);
    std::string mentions;
    c::Items entities;
    for (std::size_t i = 0; i < line.asks.size() && i < core::asked_max; ++i) {
        const core::Who& who = line.asks[i];
        auto id = who.account ? core::parts(*who.account).id : std::string_view{};
        if (!object_id(id)) continue;
        auto name = plain_name(who.name);
        auto text = fmt::format("<at>{}</at>", name);
        mentions += (mentions.empty() ? "" : " ") + text;
        entities.push_back(
            json_object("mentioned", json_object("id", id, "name", name), "text", text, "type", "mention"));
    }
    if (entities.empty()) return made(std::move(body), {}, std::move(summary));
    body.push_back(json_object("text", mentions, "type", "TextBlock", "wrap", true));
    auto asking = made(std::move(body), {}, std::move(summary));
    auto extension = json_object("entities", std::move(entities).take());
    asking.card.text.insert(asking.card.text.rfind(",\"type\""), ",\"msteams\":" + extension.text);
    return asking;
}

TeamsCard teams_lines(const std::vector<std::string>& lines) {
    return made(said_each(lines), {}, first_of(lines));
}

TeamsCard teams_announcement(std::string_view words, std::string_view raw) {
    c::Items body(c::said(inert(words)));
    for (c::Json& block : c::fixed_width(raw)) body.push_back(std::move(block));
    return made(std::move(body), {}, inert(words));
}

TeamsCard teams_list(std::string_view heading, const std::vector<core::CardSummary>& items,
                     const std::vector<core::RequestId>& to_review) {
    c::Items body(c::heading(inert(heading)));
    for (const core::CardSummary& item : items) {
        constexpr std::size_t item_chars_max = 240;
        auto line = c::shortened(printable(item.line), item_chars_max).text;
        auto detail = c::shortened(printable(item.detail), item_chars_max).text;
        c::Items first(c::run(fmt::format("#{}  ", item.number), {.strong = true}),
                       c::run(line, {.literal = true}));
        body.push_back(c::rich(std::move(first)));
        if (!detail.empty()) body.push_back(c::rich(c::Items(c::run(detail, {.quiet = true})), true));
        const std::string id = item.id.text();
        auto details = c::submit(fmt::format("Details of #{}", item.number),
                                 {.act = teams_details, .request = id}, true);
        c::Items actions;
        if (std::ranges::find(to_review, item.id) != to_review.end())
            actions.push_back(c::submit(fmt::format("Review #{}", item.number),
                                        {.act = core::name_of(core::Verdict::review), .request = id}, true));
        actions.push_back(details);
        body.push_back(json_object("actions", std::move(actions).take(), "type", "ActionSet"));
    }
    return made(std::move(body), {}, inert(heading));
}

TeamsCard teams_question(const std::vector<std::string>& lines, std::string_view about, std::string_view id) {
    const bool token = about == "token";
    const auto* yes = about == "link"   ? "Yes, both are mine"
                      : about == "vote" ? "Yes, that is my vote"
                                        : "Yes, it may vote for me";
    c::Items actions(
        c::execute(yes, {.act = teams_agree, .about = about, .id = id}),
        c::execute(token ? "No, end it" : "No", {.act = teams_decline, .about = about, .id = id}));
    return made(said_each(lines), std::move(actions), first_of(lines));
}

TeamsCard teams_sign_in(std::string_view about, std::string_view address) {
    const std::vector<std::string> lines{
        fmt::format("The policy asks whoever approves this to sign in for it: {}", about),
        "The link opens your browser, is for you alone, and is good for five minutes. Nothing is recorded "
        "before "
        "you approve there."};
    c::Items actions(json_object("title", "Sign in and approve", "type", "Action.OpenUrl", "url", address));
    return made(said_each(lines), std::move(actions), first_of(lines));
}

TeamsCard teams_full_view_offer(std::string_view sentence, const core::RequestId& request) {
    const std::string id = request.text();
    auto shown = inert(sentence);
    c::Items actions(c::submit("Open the full view", {.act = teams_read, .request = id}, true));
    return made(c::Items(c::said(shown)), std::move(actions), shown);
}

JsonText teams_message(const TeamsCard& card) {
    auto attachment = json_object("content", card.card, "contentType", card_type);
    auto summary = c::shortened(card.summary, summary_chars_max).text;
    return json_object("attachments", c::Items(attachment).take(), "summary", summary, "type", "message");
}

JsonText teams_targeted_message(const TeamsCard& card, std::string_view recipient) {
    auto attachment = json_object("content", card.card, "contentType", card_type);
    auto summary = c::shortened(card.summary, summary_chars_max).text;
    return json_object("attachments", c::Items(attachment).take(), "recipient", json_object("id", recipient),
                       "summary", summary, "type", "message");
}

JsonText teams_card_answer(const JsonText& card) {
    return json_object("statusCode", 200, "type", card_type, "value", card);
}

JsonText teams_words_answer(std::string_view words) {
    return json_object("statusCode", 200, "type", words_type, "value", inert(words));
}

JsonText teams_error_answer(std::string_view code, std::string_view words) {
    return json_object("statusCode", 400, "type", "application/vnd.microsoft.error", "value",
                       json_object("code", code, "message", words));
}

JsonText teams_dialog_answer(std::string_view title, const JsonText& card) {
    auto content = json_object("content", card, "contentType", card_type);
    auto value = json_object("card", content, "height", "large", "title", title, "width", "large");
    return json_object("task", json_object("type", "continue", "value", value));
}

JsonText teams_dialog_words(std::string_view words) {
    return json_object("task", json_object("type", "message", "value", inert(words)));
}

JsonText teams_reason_form(const ReasonAsked& asked, const TeamsPress& press, bool in_dialog) {
    const std::string_view act = core::name_of(asked.verdict);
    const std::string_view title = c::title_of(asked.verdict);
    c::Press again{.act = act,
                   .request = press.request,
                   .digest = press.digest,
                   .version = press.version,
                   .page = press.page,
                   .pass = press.pass};
    constexpr std::size_t about_chars_max = 300;
    auto about = c::shortened(printable(asked.about), about_chars_max).text;
    auto names = fmt::format("{} request #{}: {}", title, asked.number, about);
    auto button = in_dialog ? c::submit(title, again, false, true) : c::execute(title, again, true);
    c::Items body(c::heading(names));
    if (!asked.wrong.empty()) body.push_back(c::heading(inert(asked.wrong)));
    if (!asked.resource.empty())
        for (const c::Json& block : c::resource_input(asked.resource)) body.push_back(block);
    for (const c::Json& block : c::number_inputs(asked.numbers)) body.push_back(block);
    body.push_back(asked.needs_reason ? c::reason_input(act, asked.own) : c::comment_input(act));
    return c::card(std::move(body), c::Items(button), title);
}

JsonText teams_results_answer(const std::vector<core::CardSummary>& items) {
    c::Items results;
    for (const core::CardSummary& item : items) {
        const std::string id = item.id.text();
        auto card = teams_list(fmt::format("Request #{}", item.number), {item});
        constexpr std::size_t preview_chars_max =
            240;  // previews are drawn by a kind of card that reads markup
        auto title = c::without_markup(fmt::format("#{} {}", item.number, item.line), preview_chars_max);
        auto content = json_object("text", c::without_markup(item.detail, preview_chars_max), "title", title);
        auto preview =
            json_object("content", content, "contentType", "application/vnd.microsoft.card.thumbnail");
        results.push_back(json_object("content", card.card, "contentType", card_type, "preview", preview));
    }
    return json_object("composeExtension", json_object("attachmentLayout", "list", "attachments",
                                                       std::move(results).take(), "type", "result"));
}

JsonText teams_results_words(std::string_view words) {
    return json_object("composeExtension", json_object("text", inert(words), "type", "message"));
}

}  // namespace countersign::wire
