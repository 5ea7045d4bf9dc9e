#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/slack_card.hpp"
#include "wire/slack_blocks.hpp"

// Views (modals) and the messages that one person sees.
namespace countersign::wire {

namespace b = blocks;
using core::CardView;

namespace {

constexpr std::size_t note_bytes_max = 3'000;

// `submit`: what the button that sends it says; empty: there is nothing to send.
JsonText view(std::string_view callback, std::string_view title, b::Items blocks, std::string_view metadata,
              std::string_view submit = {}) {
    auto content = std::move(blocks).take();
    auto its_title = b::plain(b::head(title, 24));
    if (submit.empty())
        return json_object("blocks", content, "callback_id", callback, "close", b::plain("Close"),
                           "private_metadata", metadata, "title", its_title, "type", "modal");
    return json_object("blocks", content, "callback_id", callback, "close", b::plain("Cancel"),
                       "private_metadata", metadata, "submit", b::plain(submit), "title", its_title, "type",
                       "modal");
}

// Fills a view up to its limits of blocks and bytes, keeping room for the closing words.
class ViewWriter {
  public:
    bool add(const b::Json& block) {
        std::size_t bytes = block.text.size() + 1;
        if (blocks_.size() + 2 > slack_view_blocks_max || bytes_ + bytes > slack_view_bytes_max - 4'000)
            return false;
        bytes_ += bytes;
        blocks_.push_back(block);
        return true;
    }
    void close_with(std::string_view words) { blocks_.push_back(b::section("rest", b::plain(words))); }
    b::Items take() { return std::move(blocks_); }

  private:
    b::Items blocks_;
    std::size_t bytes_ = 500;
};

// `safe`: as `visible` or `quoted_text` made it.
void add_shown(b::Items& line, std::string_view name, std::string_view safe) {
    line.push_back(b::bold(fmt::format("{}{} ", line.empty() ? "" : "\n", name)));
    while (!safe.empty()) {
        auto part = b::head(safe, b::text_units_max);
        line.push_back(b::code(part));
        safe.remove_prefix(part.size());
    }
}
void add_fact(b::Items& line, std::string_view name, std::string_view hostile) {
    add_shown(line, name, quoted_text(hostile));
}

void add_facts(ViewWriter& to, const CardView& card, const SlackStyle& style) {
    b::Items line;
    add_fact(line, "Request", fmt::format("#{} {}", card.number, card.id.text()));
    add_fact(line, "State", core::name_of(card.state));
    add_fact(line, "Action", card.action);
    if (card.resource) add_fact(line, "Resource", *card.resource);
    if (card.environment) add_fact(line, "Environment", *card.environment);
    line.push_back(b::bold("\nAsked by "));
    line.push_back(b::person(card.requester, style));
    for (const core::Who& who : card.on_behalf_of) {
        line.push_back(b::bold("\nOn behalf of "));
        line.push_back(b::person(who, style));
    }
    if (card.no_human_named) line.push_back(b::bold("\nThis request names no human."));
    add_fact(line, "Digest", card.digest);
    add_fact(line, "Rules", join(card.rules, ", "));
    to.add(b::rich_text("facts", b::Items(b::rich_section(std::move(line)))));
}

void add_intent(ViewWriter& to, const CardView& card) {
    if (trim(card.intent).empty()) return;
    b::Items words;
    b::push_text(words, visible(card.intent));
    to.add(b::rich_text("intent",
                        b::Items(b::rich_section(b::Items(b::bold("Intent, in the requester's words"))),
                                 b::rich_quote(std::move(words)))));
}

// All parameters, one per line, cut into blocks. Returns how many characters did not fit.
std::size_t add_parameters(ViewWriter& to, const CardView& card) {
    std::string all;
    for (const auto& parameter : card.parameters) {
        if (!all.empty()) all += '\n';
        all += b::parameter_line(parameter);
    }
    std::string_view rest = all;
    for (int n = 0; !rest.empty(); ++n) {
        auto part = b::head(rest, b::text_units_max);
        // Between two lines where that is possible.
        if (auto end = part.rfind('\n');
            part.size() < rest.size() && end != part.npos && end > part.size() / 2)
            part = part.substr(0, end);
        b::Items elements;
        if (n == 0) elements.push_back(b::rich_section(b::Items(b::bold("Parameters"))));
        elements.push_back(b::rich_preformatted(part));
        if (!to.add(b::rich_text(fmt::format("parameters{}", n), std::move(elements))))
            return code_points(rest);
        rest.remove_prefix(part.size());
        if (rest.starts_with('\n')) rest.remove_prefix(1);
    }
    return 0;
}

void add_people(ViewWriter& to, const CardView& card, const SlackStyle& style) {
    for (std::size_t i = 0; i < card.votes.size() && i < 20; ++i) {
        const auto& vote = card.votes[i];
        b::Items line(b::person(vote.who, style),
                      b::text(fmt::format(" {}{}", core::name_of(vote.verdict),
                                          vote.self_approval ? " (own request, allowed by policy)" : "")));
        if (!trim(vote.reason).empty()) {
            line.push_back(b::text(": "));
            b::push_text(line, b::shortened(vote.reason, 2'000).text);
        }
        if (!to.add(b::rich_text(fmt::format("vote{}", i), b::Items(b::rich_section(std::move(line))))))
            return;
    }
    for (std::size_t i = 0; i < card.links.size(); ++i) {
        std::string title = b::cut(quoted_text(card.links[i].title), 200).text;
        b::Items line(b::bold("Link "), b::text(title + " "));
        if (b::may_link(card.links[i].url, style))
            line.push_back(b::link(card.links[i].url, card.links[i].url));
        else
            add_fact(line, "address", card.links[i].url);
        if (!to.add(b::rich_text(fmt::format("link{}", i), b::Items(b::rich_section(std::move(line))))))
            return;
    }
    if (card.labels.empty()) return;
    b::Items line;
    for (const auto& [name, value] : card.labels) add_shown(line, "Label", b::label_text(name, value));
    to.add(b::rich_text("labels", b::Items(b::rich_section(std::move(line)))));
}

SlackPrivate made_private(std::string_view fallback, b::Items blocks) {
    return {slack_escaped(fallback), std::move(blocks).take()};
}

std::string inert(std::string_view sentence, std::size_t units_max) {
    auto shown = b::cut(printable(sentence), units_max).text;
    return trim(shown).empty() ? std::string{"…"} : shown;
}

}  // namespace

std::string slack_view_note(const SlackViewNote& note) {
    return json_object("channel", note.channel, "message", note.message, "request", note.request).text;
}

std::optional<SlackViewNote> read_slack_view_note(std::string_view metadata) {
    auto parsed = parse_json(metadata, {.bytes_max = note_bytes_max, .strict = false});
    if (!parsed || !(*parsed)["request"].string()) return std::nullopt;
    SlackViewNote note;
    note.request = (*parsed)["request"].text();
    note.channel = (*parsed)["channel"].text();
    note.message = (*parsed)["message"].text();
    return note;
}

JsonText slack_reason_view(core::Verdict verdict, const SlackViewNote& note) {
    std::string_view act = verdict == core::Verdict::deny   ? "Deny"
                           : verdict == core::Verdict::hold ? "Hold"
                                                            : "Approve";
    auto input = json_object("action_id", "text", "focus_on_load", true, "max_length", core::reason_chars_max,
                             "min_length", 1, "multiline", true, "type", "plain_text_input");
    b::Items blocks;
    if (verdict == core::Verdict::approve)
        blocks.push_back(
            b::section("own", b::plain("You are behind this request. The policy lets you approve it "
                                       "all the same, if you say why.")));
    blocks.push_back(json_object("block_id", "reason", "element", input, "hint",
                                 b::plain("Shown on the card and to the requester"), "label",
                                 b::plain("Reason"), "type", "input"));
    return view(core::name_of(verdict), fmt::format("{} request", act), std::move(blocks),
                slack_view_note(note), act);
}

JsonText slack_details_view(const CardView& card, const SlackStyle& style, const SlackViewNote& note,
                            bool with_approve) {
    ViewWriter writer;
    add_facts(writer, card, style);
    add_intent(writer, card);
    std::size_t left_out = add_parameters(writer, card);
    if (left_out == 0) add_people(writer, card, style);
    if (left_out > 0)
        writer.close_with(
            fmt::format("{} more characters of parameters do not fit into a Slack view. To read all of it "
                        "run: countersign "
                        "show {}",
                        left_out, card.id.text()));
    return view(with_approve ? slack_approve : slack_details, fmt::format("Request #{}", card.number),
                writer.take(), slack_view_note(note), with_approve ? "Approve" : "");
}

JsonText slack_outcome_view(std::string_view title, std::string_view sentence) {
    return view("outcome", title,
                b::Items(b::section("outcome", b::plain(inert(sentence, b::text_units_max)))), {});
}

JsonText slack_response(const SlackPrivate& said) {
    return json_object("blocks", said.blocks, "replace_original", said.replaces, "response_type", "ephemeral",
                       "text", said.text);
}

JsonText slack_command_answer(const SlackPrivate& said) {
    return json_object("blocks", said.blocks, "response_type", "ephemeral", "text", said.text);
}

SlackPrivate slack_private(std::string_view sentence) {
    auto shown = inert(sentence, b::text_units_max);
    return made_private(shown, b::Items(b::section("private", b::plain(shown))));
}

SlackPrivate slack_private_full_view(std::string_view sentence, const core::RequestId& request) {
    auto shown = inert(sentence, b::text_units_max);
    auto button = b::button(slack_approve, "Open the full view", request.text());
    return made_private(shown,
                        b::Items(b::section("private", b::plain(shown)),
                                 b::actions(fmt::format("act.{}.full", request.text()), b::Items(button))));
}

namespace {

b::Items line_blocks(const std::vector<std::string>& lines) {
    b::Items blocks;
    for (const std::string& line : lines)
        blocks.push_back(b::section(fmt::format("line.{}", blocks.size()), b::plain(inert(line, 500))));
    return blocks;
}

std::string first_of(const std::vector<std::string>& lines) {
    return inert(lines.empty() ? std::string_view{} : lines.front(), 500);
}

struct Choice {
    std::string_view action;
    std::string_view text;
};

SlackPrivate question(const std::vector<std::string>& lines, Choice yes, Choice no, std::string_view value) {
    auto blocks = line_blocks(lines);
    blocks.push_back(
        b::actions(fmt::format("asked.{}", value), b::Items(b::button(yes.action, yes.text, value, "primary"),
                                                            b::button(no.action, no.text, value, "danger"))));
    return made_private(first_of(lines), std::move(blocks));
}

}  // namespace

SlackPrivate slack_private_lines(const std::vector<std::string>& lines) {
    return made_private(first_of(lines), line_blocks(lines));
}

SlackPrivate slack_private_link(const std::vector<std::string>& lines, std::string_view offer) {
    return question(lines, {slack_link_agree, "Yes, both are mine"}, {slack_link_decline, "No"}, offer);
}

SlackPrivate slack_private_token(const std::vector<std::string>& lines, std::string_view token) {
    return question(lines, {slack_token_agree, "Yes, it may vote for me"},
                    {slack_token_decline, "No, end it"}, token);
}

SlackPrivate slack_private_list(std::string_view heading, const std::vector<SlackListItem>& items) {
    b::Items blocks(b::section("heading", b::plain(inert(heading, 500))));
    for (const SlackListItem& item : items) {
        auto words = fmt::format("#{}  {}", item.number, inert(item.line, 240));
        if (!item.detail.empty()) words += "\n" + inert(item.detail, 240);
        blocks.push_back(json_object("accessory", b::button(slack_details, "Details", item.id.text()),
                                     "block_id", fmt::format("item.{}", item.id.text()), "text",
                                     b::plain(words), "type", "section"));
    }
    return made_private(inert(heading, 500), std::move(blocks));
}

}  // namespace countersign::wire
