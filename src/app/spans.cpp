#include "app/spans.hpp"

namespace countersign::app {

Span act_span(core::Surface chat, core::RequestId request, std::string_view origin) {
    return {.name = "click",
            .request = request,
            .kind = Span::Kind::server,
            .of = span_of_act(origin),
            .parent = {},
            .begun = {},
            .ended = {},
            .attributes = {{"countersign.chat", std::string(core::name_of(chat))}}};
}

Span span_of_vote(core::RequestId request, const core::Cast& cast, const Origin& origin,
                  const Result<Answer>& answer) {
    Span span{.name = "vote",
              .request = request,
              .of = {},
              .parent = span_of_act(origin.key),
              .begun = {},
              .ended = {},
              .attributes = {{"countersign.verdict", std::string(core::name_of(cast.verdict))},
                             {"countersign.via", std::string(core::name_of(cast.via))}}};
    if (!answer) {
        span.failed = true;
        span.attributes.emplace_back("countersign.outcome", std::string(name_of(answer.error().trouble)));
    } else if (answer->refusal) {
        span.attributes.emplace_back("countersign.outcome", std::string(core::code_of(answer->refusal->why)));
    } else {
        const auto version = answer->now->c.version();
        // What came twice was recorded once, and so has one span that others refer to.
        if (!answer->repeat) span.of = span_of_entry(request, version);
        span.attributes.emplace_back("countersign.outcome", answer->repeat ? "recorded before" : "recorded");
        span.attributes.emplace_back("countersign.request.version", std::to_string(version));
        span.attributes.emplace_back("countersign.request.state",
                                     std::string(core::name_of(answer->now->ruling.state)));
    }
    return span;
}

}  // namespace countersign::app
