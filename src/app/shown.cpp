#include "countersign/app/shown.hpp"

namespace countersign::app {

std::string_view name_of(Shown::What what) {
    return what == Shown::What::essence ? "essence" : "full_view";
}

}  // namespace countersign::app
