int ${prefix}_choose(const ${number} *weights, ${uniform} uniform)
{
    ${number} sums[VOCABULARY], total = 0.0${f};
    for (int i = 0; i < VOCABULARY; i++) sums[i] = total = i ? total + weights[i] : weights[i];
    if (!(total > 0.0${f}) || !(total < INFINITY)) return -1;
    ${number} wanted = (${number})uniform * total;
    /* A binary search has branches that cannot be foreseen. */
    int chosen = 0;
    for (int i = 0; i < VOCABULARY - 1; i++) chosen += sums[i] <= wanted;
    return chosen;
}
