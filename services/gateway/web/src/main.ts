import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { reloadWhenOutdated } from './views';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
reloadWhenOutdated();
mount(App, { target });
