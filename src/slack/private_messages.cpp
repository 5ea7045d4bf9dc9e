#include "slack/private_messages.hpp"

#include "countersign/base/overload.hpp"
#include "countersign/wire/slack_card.hpp"
#include "countersign/wire/slack_lists.hpp"
#include "countersign/wire/slack_views.hpp"

namespace countersign::slack {

wire::SlackPrivate message_of(const app::Lines& lines) {
    return lines.text.size() == 1 ? wire::slack_private(lines.text.front())
                                  : wire::slack_private_lines(lines.text);
}

std::optional<wire::SlackPrivate> private_message(const app::Reply& reply, const wire::SlackStyle& style) {
    using Drawn = std::optional<wire::SlackPrivate>;
    return std::visit(
        Overload{
            [](const app::Silence&) { return Drawn{}; }, [](const app::ReasonDialog&) { return Drawn{}; },
            [](const app::FullView&) { return Drawn{}; }, [](const app::ApproveTogether&) { return Drawn{}; },
            [](const app::Lines& lines) { return Drawn{message_of(lines)}; },
            [&](const app::RequestList& list) { return Drawn{wire::slack_private_list(list, style)}; },
            [&](const app::PrivateCard& shown) { return Drawn{wire::slack_private_card(shown.card, style)}; },
            [&](const app::ApproveQuestion& asked) {
                return Drawn{
                    wire::slack_private_approval(asked.card, style, asked.note, asked.reason, asked.whole)};
            },
            [](const app::YesNoQuestion& asked) {
                const auto& [about, id] = asked.question;
                using About = app::Question::About;
                if (about == About::link) return Drawn{wire::slack_private_link(asked.lines, id)};
                if (about == About::vote) return Drawn{wire::slack_private_vote(asked.lines, id)};
                return Drawn{wire::slack_private_token(asked.lines, id)};
            },
            [](const app::SignInNeeded& needed) {
                return Drawn{wire::slack_private_sign_in(needed.about, needed.address)};
            }},
        reply.what);
}

wire::JsonText sign_in_view(const app::SignInNeeded& needed) {
    return wire::slack_sign_in_view(needed.number, needed.about, needed.address);
}

}  // namespace countersign::slack
