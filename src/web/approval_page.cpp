#include "web/approval_page.hpp"

#include <fmt/format.h>

#include <utility>

#include "countersign/base/markup.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/card_sections.hpp"
#include "countersign/net/html_response.hpp"
#include "countersign/pages/page.hpp"
#include "countersign/wire/html_card.hpp"

namespace countersign::web {
namespace {

constexpr std::size_t reason_shown_max = 2'000;

std::string hidden(std::string_view name, std::string_view value) {
    return fmt::format("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", name, escape_markup(value));
}

std::string form_of(const ApprovalPage& page) {
    std::string form =
        fmt::format("<form class=\"approve\" method=\"post\" action=\"{}\">\n", escape_markup(page.action));
    form += hidden("token", page.token) + hidden("digest", page.card.digest);
    const bool needed = page.reason_required;
    form += fmt::format(
        "<label>{}<textarea name=\"reason\" rows=\"2\" maxlength=\"{}\"{}>{}</textarea></label>\n",
        page.own ? "Why you approve what you ask for yourself"
        : needed ? "Why you approve this"
                 : "Comment (optional)",
        reason_shown_max, needed ? " required" : "", escape_markup(page.reason));
    if (page.resource_typed)
        form += fmt::format(
            "<label>Type the resource's name, exactly as it stands here: <code>{}</code>"
            "<input name=\"resource\" required autocomplete=\"off\" autocapitalize=\"off\" "
            "spellcheck=\"false\"></label>\n",
            escape_markup(quoted_text(page.card.resource.value_or(""))));
    return form + "<button type=\"submit\">Approve</button>\n</form>\n";
}

net::HttpResponse answered(unsigned status, std::string_view title, std::string body) {
    auto document =
        pages::html_page({.title = std::string(title), .body = "<main>\n" + std::move(body) + "</main>\n"});
    return net::html_response(status, std::move(document), {.origin = true});
}

}  // namespace

net::HttpResponse approval_page(unsigned status, const ApprovalPage& page) {
    const auto title = fmt::format("Approve request #{}?", page.card.number);
    std::string body = fmt::format("<h1>{}</h1>\n", escape_markup(title));
    if (!page.problem.empty())
        body += fmt::format("<p class=\"notice\" role=\"alert\">{}</p>\n", escape_markup(page.problem));
    body += wire::html_sections(core::full_view_sections(page.card));
    body += fmt::format(
        "<p class=\"quiet\">You signed in as <code>{}</code>; your approval counts as "
        "<b>{}</b>'s. To deny or hold the request, use its card.</p>\n",
        escape_markup(visible(page.account)), escape_markup(visible(page.voter)));
    body += form_of(page);
    return answered(status, title, std::move(body));
}

net::HttpResponse words_page(unsigned status, std::string_view title, std::string_view sentence) {
    std::string body = fmt::format("<h1>{}</h1>\n", escape_markup(title)) + pages::html_paragraph(sentence);
    return answered(status, title, std::move(body));
}

}  // namespace countersign::web
