int ${prefix}_choose(const ${number} *weights, ${uniform} uniform)
{
    ${number} sums[VOCABULARY], total = 0.0${f};
    for (int i = 0; i < VOCABULARY; i++) sums[i] = total = i ? total + weights[i] : weights[i];
    if (!(total > 0.0${f}) || !(total < INFINITY)) return -1;
    ${number} wanted = (${number})uniform * total;
    int low = 0, high = VOCABULARY - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (wanted < sums[middle]) high = middle;
        else low = middle + 1;
    }
    return low;
}
