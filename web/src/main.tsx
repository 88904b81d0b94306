import { render } from 'preact';
import { App } from './app.tsx';
import 'virtual:colours.css';

render(<App />, document.getElementById('app')!);
