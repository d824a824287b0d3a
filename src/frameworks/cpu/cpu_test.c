/* cpu_test.c - the built-in framework keeps the contract of the seam. */
#include "support/framework_contract.h"

int main(void)
{
    return framework_contract_run("cpu", syi_cpu_framework_new);
}
