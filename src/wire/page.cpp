#include "countersign/wire/page.hpp"

#include "countersign/base/markup.hpp"

namespace countersign::wire {
namespace {

std::string in(std::string_view tag, std::string_view text) {
    std::string made = "<";
    made += tag;
    made += ">";
    made += escape_markup(text);
    made += "</";
    made += tag;
    made += ">";
    return made;
}

}  // namespace

std::string_view page_style() {
    return ":root{color-scheme:light dark}"
           "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1rem;"
           "overflow-wrap:anywhere}"
           "h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1rem 0 .2rem}p{margin:.3rem 0}"
           "code,pre{font-family:ui-monospace,monospace;font-size:.9em}p,code{white-space:pre-wrap}"
           "pre{white-space:pre-wrap;border:1px solid #8888;border-radius:6px;padding:.6rem}"
           "blockquote{margin:.6rem 0;padding-left:.8rem;border-left:4px solid #8888}"
           "section{margin:.6rem 0}.notice{border:2px solid #b3261e;border-radius:6px;padding:.6rem}"
           ".dim{opacity:.8}.quiet{opacity:.8;font-size:.9rem}form{margin:1rem 0}"
           "label{display:block;margin:.8rem 0}"
           "textarea,input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem}"
           "button{font:inherit;font-weight:600;padding:.7rem 1.6rem;border:0;border-radius:6px;"
           "background:#1a6b3c;color:#fff}";
}

std::string html_page(std::string_view title, std::string_view body) {
    std::string page = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">";
    page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">";
    page += in("title", title);
    page += "<style>";
    page += page_style();
    page += "</style></head>\n<body><main>\n";
    page += body;
    page += "</main></body></html>\n";
    return page;
}

std::string html_paragraph(std::string_view text) {
    return in("p", text) + "\n";
}

}  // namespace countersign::wire
