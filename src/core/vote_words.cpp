#include "core/vote_words.hpp"

#include <fmt/format.h>

#include <string>

#include "core/sentences.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {

std::optional<Refusal> no_reason(const Case& c, const Cast& cast, const Standing& voter) {
    if (readable(cast.reason)) return std::nullopt;
    if (cast.verdict == Verdict::deny)
        return Refusal{Why::reason_required, "Say why you deny this request, so that others can act on it."};
    if (cast.verdict == Verdict::hold)
        return Refusal{Why::reason_required, "Say why you hold this request, so that others can act on it."};
    if (cast.verdict != Verdict::approve) return std::nullopt;
    if (!voter.behind && c.applied->reason_required)
        return Refusal{Why::reason_required,
                       "The policy asks for a reason with every approval of this request."};
    if (!voter.behind || !c.applied->self_approval) return std::nullopt;
    if (!c.applied->self_approval->reason_required && !c.applied->reason_required) return std::nullopt;
    std::string sentence =
        "You are behind this request, and the policy lets you approve it all the same if you say why";
    if (c.request->number != 0)
        sentence +=
            ": " + command_text(cast.account, fmt::format("approve {} your reason", c.request->number));
    return Refusal{Why::reason_required, sentence + "."};
}

bool types_resource(const Case& c, const Cast& cast) {
    const auto& resource = c.request->resource;
    return cast.verdict == Verdict::approve && resource && trim(cast.typed_resource) == *resource;
}

std::optional<Refusal> not_typed(const Case& c, const Cast& cast) {
    if (cast.verdict != Verdict::approve || !c.applied->resource_typed || types_resource(c, cast))
        return std::nullopt;
    return Refusal{Why::confirmation_required,
                   trim(cast.typed_resource).empty()
                       ? "The policy asks whoever approves this to type the resource's name, exactly as the "
                         "request says it."
                       : "What you typed is not the resource's name; type it exactly as the request says it, "
                         "and read once more what is asked for."};
}

}  // namespace countersign::core
