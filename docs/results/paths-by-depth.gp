# gnuplot paths-by-depth.gp: the exact share of the gradient by path length, of networks of 9, 21 and 54
# blocks; TSV tables of `resnet-plot --table` in p9.tsv, p21.tsv, p54.tsv.
set terminal svg size 480,320 font 'sans-serif,11' background rgb 'white'
set output 'paths-by-depth.svg'
load '../../share/figures/paths.gp'
set datafile separator tab
set xlabel 'Path length (branches)'
set ylabel 'Share of the gradient (%)'
set xrange [-0.3:20.3]
set yrange [0:*]
set key maxrows 1 samplen 2
set style line 41 linecolor rgb '#e69f00' linewidth 1.5 pointtype 9 pointsize 0.5
set style line 42 linecolor rgb '#009e73' linewidth 1.5 pointtype 5 pointsize 0.45
plot \
  'p9.tsv' skip 1 using 1:(100 * $3) with linespoints linestyle 41 title '9 blocks', \
  'p21.tsv' skip 1 using 1:(100 * $3) with linespoints linestyle 42 title '21 blocks', \
  'p54.tsv' skip 1 using 1:(100 * $3) with linespoints linestyle 31 title '54 blocks'
