#include "countersign/wire/teams_card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "wire/teams_blocks.hpp"

namespace countersign::wire {

namespace c = cards;
using core::CardSection;
using core::CardView;
using core::Verdict;
using Part = CardSection::Part;

namespace {

constexpr std::size_t notice_chars_max = 500;
constexpr std::size_t viewer_id_bytes_max = 128;

// What is asked for gets the bytes that the rest leaves.
bool drawn_last(Part part) {
    return part == Part::what || part == Part::parameters;
}

std::string words_for_old_clients(const CardView& card) {
    return fmt::format("Request #{}: {}", card.number, core::state_text(card));
}

// Draws one card within its bytes: what must be there first, the long parts with what is left.
class TeamsCardWriter {
  public:
    TeamsCardWriter(const CardView& card, const TeamsStyle& style, const TeamsViewer* viewer)
        : card_(card), style_(style), viewer_(viewer), id_(card.id.text()) {}

    // The question whether to approve it comes below.
    TeamsCard ask(std::string_view note, std::string_view reason, bool whole) {
        auto asked = body_of(core::card_text(card_), note);
        whole = whole && whole_;
        auto words = whole ? fmt::format("Approve #{}? Nothing is recorded yet.", card_.number)
                           : fmt::format(
                                 "This is not all that #{} asks for. The rest stands in the full view, "
                                 "from which it can be approved.",
                                 card_.number);
        asked.push_back(c::heading(words));
        auto shown = press(teams_approve);
        shown.about = "shown";
        shown.reason = reason;
        c::Items actions(
            whole ? c::execute("Approve", shown) : c::submit("Open the full view", press(teams_read), true),
            c::submit("Details", press(teams_details), true));
        return {.card = c::card(std::move(asked), std::move(actions), words_for_old_clients(card_)),
                .summary = core::notification_text(card_),
                .whole = whole};
    }

    TeamsCard write(bool details_only) {
        const core::CardText text = core::card_text(card_);
        whole_ = text.whole;
        using Buttons = std::vector<core::CardButton>;
        const auto buttons = details_only ? Buttons{core::CardButton::details} : core::card_buttons(card_);
        const bool votes = !details_only && !buttons.empty();
        auto refresh = votes ? refreshing() : c::Json{};
        spend(refresh.text.size() + frame_bytes + (votes ? buttons_bytes : button_bytes));
        spend(text.sections.size() * kept_for_each);
        auto above = notes();
        std::vector<std::vector<c::Json>> drawn(text.sections.size());
        for (bool last : {false, true})
            for (std::size_t i = 0; i < drawn.size(); ++i)
                if (drawn_last(text.sections[i].part) == last) drawn[i] = draw(text.sections[i]);
        c::Items body;
        for (const c::Json& note : above) body.push_back(note);
        for (const auto& blocks : drawn)
            for (const c::Json& block : blocks) body.push_back(block);
        c::Items actions;
        if (votes) add_reason_asked(actions, body);
        for (core::CardButton button : buttons) add_button(actions, button);
        auto card = c::card(std::move(body), std::move(actions), words_for_old_clients(card_));
        if (!refresh.text.empty())
            card.text.insert(card.text.rfind(",\"type\""), ",\"refresh\":" + refresh.text);
        return {.card = std::move(card), .summary = core::notification_text(card_), .whole = whole_};
    }

  private:
    static constexpr std::size_t frame_bytes = 400;
    static constexpr std::size_t buttons_bytes = 4'600;
    static constexpr std::size_t button_bytes = 500;
    static constexpr std::size_t section_bytes_max = 4'000;
    static constexpr std::size_t kept_for_each = 300;  // section: what says that some of it was left out

    c::Items body_of(const core::CardText& text, std::string_view note) {
        whole_ = text.whole;
        spend(frame_bytes + buttons_bytes + text.sections.size() * kept_for_each);
        std::vector<std::vector<c::Json>> drawn(text.sections.size());
        for (bool last : {false, true})
            for (std::size_t i = 0; i < drawn.size(); ++i)
                if (drawn_last(text.sections[i].part) == last) drawn[i] = draw(text.sections[i]);
        c::Items body;
        if (!note.empty()) body.push_back(c::heading(c::shortened(printable(note), notice_chars_max).text));
        for (const auto& blocks : drawn)
            for (const c::Json& block : blocks) body.push_back(block);
        return body;
    }

    void spend(std::size_t bytes) { left_ -= std::min(left_, bytes); }
    c::Press press(std::string_view act) const {
        return {.act = act, .request = id_, .digest = card_.digest, .version = card_.version};
    }

    c::Json refreshing() const {
        if (style_.viewers.empty() || style_.viewers.size() > teams_viewers_max) return {};
        c::Items viewers;
        for (const std::string& id : style_.viewers) {
            c::Json quoted;
            core::quote_to(quoted.text, id);
            viewers.push_back(quoted);
        }
        auto data = json_object("act", teams_view, "digest", card_.digest, "form", 1, "request", id_,
                                "version", card_.version);
        auto action =
            json_object("data", data, "title", "Refresh", "type", "Action.Execute", "verb", teams_view);
        return json_object("action", action, "type", "Refresh", "userIds", std::move(viewers).take());
    }

    std::vector<c::Json> notes() {
        std::vector<c::Json> blocks;
        if (viewer_ == nullptr) return blocks;
        if (!viewer_->notice.empty())
            blocks.push_back(c::heading(c::shortened(printable(viewer_->notice), notice_chars_max).text));
        if (viewer_->voted && viewer_->notice.empty())
            blocks.push_back(c::heading(core::words_of(*viewer_->voted).yours));
        for (const c::Json& block : blocks) spend(block.text.size() + 1);
        return blocks;
    }

    // Texts were cut to what fits a screen. Where characters of many bytes are too much all the same, the
    // card is not whole.
    std::vector<c::Json> draw(const CardSection& section) {
        if (section.part == Part::headline) {
            std::vector<c::Json> line{headline(section)};
            spend(c::bytes_of(line));
            return line;
        }
        std::vector<c::Json> blocks;
        if (!section.heading.empty()) blocks.push_back(c::heading(section.heading));
        std::size_t room = drawn_last(section.part) ? left_ : std::min(left_, section_bytes_max);
        std::size_t left_out = 0;
        std::vector<c::Json> shown;
        auto put = [&](std::vector<c::Json> more) {
            const std::size_t bytes = c::bytes_of(more);
            if (left_out > 0 || bytes > room) {
                ++left_out;
                return;
            }
            room -= bytes;
            for (c::Json& block : more) shown.push_back(std::move(block));
        };
        for (const core::CardLine& line : section.lines)
            put(c::line(line, style_, !shown.empty() || !blocks.empty()));
        for (c::Json& line : c::fixed_width(section.raw)) put({std::move(line)});
        if (section.part == Part::intent && !shown.empty()) shown = {c::quoted(items_of(shown))};
        for (c::Json& block : shown) blocks.push_back(std::move(block));
        if (left_out > 0) {
            if (section.part != Part::votes) whole_ = false;
            blocks.push_back(c::said(fmt::format("and {} more: see Details", left_out)));
        }
        if (!section.note.empty()) blocks.push_back(c::said(section.note));
        spend(c::bytes_of(blocks));
        return blocks;
    }
    static c::Items items_of(const std::vector<c::Json>& blocks) {
        c::Items items;
        for (const c::Json& block : blocks) items.push_back(block);
        return items;
    }
    c::Json headline(const CardSection& section) const {
        c::Items runs;
        for (const core::CardLine& line : section.lines)
            for (const core::CardRun& part : line) {
                const bool literal = part.kind == core::CardRun::Kind::literal;
                if (part.text.empty()) continue;
                runs.push_back(c::run(part.text, {.strong = true, .literal = literal, .large = true}));
            }
        return c::rich(std::move(runs));
    }

    // What takes a reason before it counts is asked on the card itself.
    void add_reason_asked(c::Items& actions, c::Items& body) const {
        if (!viewer_ || !viewer_->asks_reason) return;
        const auto act = core::name_of(*viewer_->asks_reason);
        if (!viewer_->resource.empty())
            for (const c::Json& block : c::resource_input(viewer_->resource)) body.push_back(block);
        for (const c::Json& block : c::number_inputs(viewer_->numbers)) body.push_back(block);
        body.push_back(viewer_->needs_reason ? c::reason_input(act, viewer_->own_request)
                                             : c::comment_input(act));
        actions.push_back(c::execute(c::title_of(*viewer_->asks_reason), press(act), true));
    }
    void add_button(c::Items& actions, core::CardButton button) const {
        const bool asks = viewer_ && viewer_->asks_reason.has_value();
        const std::string_view title = core::name_of(button);
        const std::string_view act = core::id_of(button);
        switch (button) {
            case core::CardButton::approve:
                if (viewer_ && viewer_->voted == Verdict::approve)
                    actions.push_back(c::execute("Take my approval back", press(teams_withdraw)));
                else if (!asks && !(viewer_ && viewer_->behind))
                    actions.push_back(c::execute(title, press(whole_ ? teams_approve : teams_read)));
                return;
            case core::CardButton::deny:
            case core::CardButton::hold:
                if (!asks) actions.push_back(with_reason(title, act));
                return;
            case core::CardButton::release:
                if (!asks) actions.push_back(c::execute(title, press(act)));
                return;
            case core::CardButton::lower:
                if (!asks && !(viewer_ && viewer_->behind)) actions.push_back(c::execute(title, press(act)));
                return;
            case core::CardButton::revoke:
                actions.push_back(c::execute(title, press(act)));
                return;
            case core::CardButton::review:
                if (!asks) actions.push_back(with_reason(title, act));
                return;
            case core::CardButton::details:
                actions.push_back(c::submit(title, press(teams_details), true));
        }
    }
    c::Json with_reason(std::string_view title, std::string_view act) const {
        constexpr std::size_t headline_chars_shown = 100;
        auto names = fmt::format("{} request #{}: {}", title, card_.number,
                                 c::shortened(core::headline_text(card_), headline_chars_shown).text);
        c::Items body(c::heading(names), c::reason_input(act, false));
        return c::show_card(title, std::move(body), c::execute(title, press(act), true));
    }

    const CardView& card_;
    const TeamsStyle& style_;
    const TeamsViewer* viewer_;
    const std::string id_;
    std::size_t left_ = teams_card_bytes_max;
    bool whole_ = true;
};

}  // namespace

TeamsCard teams_card(const CardView& card, const TeamsStyle& style, const TeamsViewer* viewer) {
    return TeamsCardWriter{card, style, viewer}.write(false);
}

bool teams_card_is_whole(const CardView& card, const TeamsStyle& style) {
    // It is judged as it stands where there is least room: with everybody it can be made anew for, and with
    // the longest notice.
    TeamsStyle fullest = style;
    const std::string id(viewer_id_bytes_max, '2');
    fullest.viewers.assign(teams_viewers_max, id);
    TeamsViewer told;
    for (std::size_t i = 0; i < notice_chars_max; ++i) told.notice += "\U0001F4A5";
    return teams_card(card, fullest, &told).whole;
}

TeamsCard teams_private_card(const CardView& card, const TeamsStyle& style) {
    return TeamsCardWriter{card, style, nullptr}.write(true);
}

TeamsCard teams_approval(const CardView& card, const TeamsStyle& style, std::string_view note,
                         std::string_view reason, bool whole) {
    return TeamsCardWriter{card, style, nullptr}.ask(note, reason, whole);
}

TeamsCard teams_words_alone(std::string words) {
    return {.card = c::card(c::Items(c::said(words)), {}, words), .summary = words};
}

TeamsCard teams_retired_card(const CardView& card) {
    return teams_words_alone(
        fmt::format("This was a second message about request #{}. The other one in this conversation counts.",
                    card.number));
}

}  // namespace countersign::wire
