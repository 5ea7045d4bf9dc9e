#include "core/sign_ins.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

// "the level phr, and mfa among the methods"
std::string asked_text(const StepUp& asked) {
    std::string text;
    if (!asked.acr.empty()) text = "the level " + visible(join(asked.acr, " or "));
    if (!asked.amr.empty())
        text += (text.empty() ? "" : ", and ") + visible(join(asked.amr, " and ")) + " among the methods";
    return text;
}

// Only the policy says whose the account is: a link would let whoever made it sign in for somebody else.
bool is_of_voter(const Cast& cast, const Directory& directory) {
    const PersonId* voter = directory.listed_as(cast.account);
    const PersonId* signed_in = directory.listed_as(cast.sign_in->account);
    return voter && signed_in && *voter == *signed_in;
}

}  // namespace

std::optional<Refusal> not_signed_in(const Case& c, const Cast& cast, const Directory& directory,
                                     Instant now) {
    const auto& asked = c.applied->step_up;
    if (cast.verdict != Verdict::approve || asked.empty()) return std::nullopt;
    auto refusal = [](std::string sentence) { return Refusal{Why::step_up_required, std::move(sentence)}; };
    if (!cast.sign_in)
        return refusal(
            "The policy asks whoever approves this to sign in for it: press Approve on the card in the chat, "
            "and follow the link that only you are given.");
    if (!is_of_voter(cast, directory))
        return refusal(fmt::format(
            "You signed in as {}, and the policy's `people` does not list that account and {} under one "
            "person: sign in with your own account, or have an administrator list both.",
            visible(cast.sign_in->account.text()), visible(cast.account.text())));
    if (meets_all(asked, *cast.sign_in, now)) return std::nullopt;
    const auto unmet =
        std::ranges::find_if(asked, [&](const StepUp& one) { return !meets(one, *cast.sign_in); });
    if (unmet != asked.end())
        return refusal(fmt::format(
            "The policy asks for {}, and your sign-in had the level {} and the methods {}: sign in again in "
            "the way that is asked for.",
            asked_text(*unmet), cast.sign_in->acr.empty() ? "none" : visible(cast.sign_in->acr),
            cast.sign_in->amr.empty() ? "none" : visible(join(cast.sign_in->amr, ", "))));
    return refusal("Your sign-in was too long ago: sign in again for this approval.");
}

}  // namespace countersign::core
